/** Commands as a person would type them. */
import type { Machine, NginxView } from "./machine.ts";

/** A word for a shell. */
export function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}

export const asRoot = "sudo livecert doctor";

export type Surroundings = Pick<Machine, "settings" | "hasSystemd">;
type FoundNginx = Pick<NginxView, "found">;

/** The program with the options that the settings make necessary. */
export function nginxCommand(
  { settings }: Pick<Machine, "settings">,
  { found }: FoundNginx,
  ...action: readonly string[]
): string {
  const { prefix, conf } = settings.nginx;
  return [
    found?.installation?.binary.path ?? "nginx",
    ...(prefix === null ? [] : ["-p", prefix]),
    ...(conf === null ? [] : ["-c", conf]),
    ...action,
  ]
    .map(quoted)
    .join(" ");
}

export function reloadCommand(
  machine: Surroundings,
  nginx: FoundNginx,
): string {
  return isUnit(machine)
    ? `systemctl reload ${machine.settings.nginx.unit}`
    : nginxCommand(machine, nginx, "-s", "reload");
}

export function startCommand(machine: Surroundings, nginx: FoundNginx): string {
  return isUnit(machine)
    ? `systemctl start ${machine.settings.nginx.unit}`
    : nginxCommand(machine, nginx);
}

/** An Nginx with a configuration of its own is hardly the one that the unit starts. */
function isUnit({ settings, hasSystemd }: Surroundings): boolean {
  const { conf, prefix } = settings.nginx;
  return hasSystemd && conf === null && prefix === null;
}

export function installCommand({
  settings,
}: Pick<Machine, "settings">): string {
  const { certbotDir } = settings;
  return certbotDir === "/etc/letsencrypt"
    ? "sudo ./install.sh"
    : `sudo ./install.sh --certbot-dir ${quoted(certbotDir)}`;
}
