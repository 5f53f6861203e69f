/** What a hook does, as far as its text tells. */

export type Deed =
  | "livecert"
  /** Makes Nginx read its files anew, or restarts it, without looking at them. */
  | "blind-reload"
  | "other";

/** Of a script or of one command line; comments do not count. */
export function deedOf(text: string): Deed {
  const lines = commandLines(text);
  if (lines.some(callsLivecert)) return "livecert";
  return lines.some((line) => isOneOf(blindReloads, line))
    ? "blind-reload"
    : "other";
}

function commandLines(text: string): readonly string[] {
  return text
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .filter((line) => !/^\s*#/.test(line));
}

/** `livecert hook`, `"$node" "$livecert" hook "$mode"`, `node …/livecert.js hook`. */
function callsLivecert(line: string): boolean {
  return /\blivecert(?:\.js)?["'}]*\s.*?\bhook\b/.test(line);
}

/** Not what only watches one of them. */
const programs = "(?:nginx|openresty|angie|tengine|freenginx)(?!\\S*export)";
/** Within one command of a line. */
const words = "[^\\n;&|]*";

/** Ways to tell Nginx one thing: by its own option, by a service manager, by its init script. */
function controlling(option: string, verbs: string): readonly RegExp[] {
  return [
    new RegExp(`\\b${programs}\\b${words}\\s-s\\s*["']?(?:${option})`),
    new RegExp(
      `\\bsystemctl\\b${words}\\b(?:${verbs})\\b${words}\\b${programs}`,
    ),
    new RegExp(
      `(?:\\b(?:service|invoke-rc\\.d|rc-service)\\s+|/etc/init\\.d/)${programs}\\s+(?:${verbs})`,
    ),
  ];
}

const stops = controlling("stop|quit", "stop");

/** So that something after it must start Nginx again. */
export function stopsNginx(text: string): boolean {
  return commandLines(text).some((line) => isOneOf(stops, line));
}

const blindReloads: readonly RegExp[] = [
  ...controlling("reload", "reload|force-reload|restart"),
  new RegExp(
    `\\bp?kill(?:all)?\\b${words}-(?:s\\s*)?(?:SIG)?(?:HUP|1)\\b.*${programs}`,
  ),
];

/** A container's Nginx is another one. */
function isOneOf(patterns: readonly RegExp[], line: string): boolean {
  const isElsewhere = /\b(?:docker|podman|kubectl|nerdctl|lxc|ssh)\b/.test(
    line,
  );
  return !isElsewhere && patterns.some((pattern) => pattern.test(line));
}

/** The programs that an installed hook of livecert's names: Node.js and livecert itself. */
export function programsOf(text: string): readonly string[] {
  return [...text.matchAll(/^(?:node|livecert)='([^']*)'$/gm)].map(
    ([, path = ""]) => path,
  );
}

/** It leaves the reload to a later `hook --flush`. */
export function isDeferring(text: string): boolean {
  return commandLines(text).some((line) => line.includes("--defer"));
}
