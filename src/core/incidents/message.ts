/** From an announcement to the words that people and programs are sent, whatever the channel. */
import {
  familyOf,
  incidentKinds,
  recoveredPhrases,
  type AnnouncedEvent,
  type Announcement,
  type Family,
  type Incident,
  type IncidentKind,
  type Severity,
} from "./incident.ts";
import { printable } from "../report/text.ts";

/** What a channel carries; a webhook's receiver gets it as it is. Instants are ISO 8601, UTC. */
export interface Message {
  readonly schema: 1;
  /** Stays the same however often it is sent: who has seen it need not look again. */
  readonly id: string;
  readonly event: AnnouncedEvent | "test";
  readonly severity: Severity | "ok";
  /** null in a test. */
  readonly family: Family | null;
  /** null in a test and where it is over. */
  readonly kind: IncidentKind | null;
  readonly host: string;
  /** The Nginx; null in a test. */
  readonly target: string | null;
  readonly at: string;
  /** One line. */
  readonly title: string;
  /** How many certificates it is about; `certificates` holds the first of them. */
  readonly count: number;
  readonly certificates: readonly MessageCertificate[];
  /** Lines of other programs that may tell why. */
  readonly details: readonly string[];
}

export interface MessageCertificate {
  readonly name: string;
  readonly path: string;
  readonly hostNames: readonly string[];
  /** Of what clients are handed; null where that is not known. */
  readonly notAfter: string | null;
  readonly since: string;
  readonly reason: string;
  readonly remedy: string | null;
}

const listedAtMost = 200;
const namedInTitle = 3;
const hostNamesAtMost = 10;

export function messageOf(
  { event, target, incidents }: Announcement,
  about: {
    readonly id: string;
    readonly host: string;
    readonly at: Date;
    readonly details: readonly string[];
  },
): Message {
  const [first] = incidents;
  if (first === undefined) throw new Error("an announcement of nothing");
  const sorted = [...incidents].sort((one, other) =>
    one.name < other.name ? -1 : 1,
  );
  return {
    schema: 1,
    id: about.id,
    event,
    severity: event === "recovered" ? "ok" : incidentKinds[first.kind].severity,
    family: familyOf(first),
    kind: event === "recovered" ? null : first.kind,
    host: about.host,
    target,
    at: about.at.toISOString(),
    title: titleOf(event, first, sorted),
    count: sorted.length,
    certificates: sorted.slice(0, listedAtMost).map(certificateOf),
    details: about.details,
  };
}

export function testMessage(about: {
  readonly id: string;
  readonly host: string;
  readonly at: Date;
}): Message {
  return {
    schema: 1,
    id: about.id,
    event: "test",
    severity: "ok",
    family: null,
    kind: null,
    host: about.host,
    target: null,
    at: about.at.toISOString(),
    title: "a test of livecert's notifications; nothing is wrong",
    count: 0,
    certificates: [],
    details: [],
  };
}

const prefixes = {
  opened: "",
  reminder: "still ",
  recovered: "over: ",
} as const satisfies Record<AnnouncedEvent, string>;

function titleOf(
  event: AnnouncedEvent,
  first: Incident,
  incidents: readonly Incident[],
): string {
  const phrase =
    event === "recovered"
      ? recoveredPhrases[familyOf(first)]
      : incidentKinds[first.kind].phrase;
  return `${listNames(incidents.map(({ name }) => name))}: ${prefixes[event]}${phrase}`;
}

/** `a, b, c and 97 more`. */
function listNames(names: readonly string[]): string {
  const rest = names.length - namedInTitle;
  const shown = names.slice(0, namedInTitle).map(onOneLine).join(", ");
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

/** A path may hold what would end the line, or turn the rest of it round. */
function onOneLine(name: string): string {
  return printable(name).replaceAll(/\s+/g, " ");
}

function certificateOf(incident: Incident): MessageCertificate {
  const { name, source, hostNames, notAfter, openedAt, reason, remedy } =
    incident;
  return {
    name,
    path: source,
    hostNames: hostNames.slice(0, hostNamesAtMost),
    notAfter,
    since: openedAt,
    reason,
    remedy,
  };
}

/** Everything, for people: an e-mail's body. Lines end in `\n`. */
export function textOf(message: Message): string {
  const { certificates, count, details, host, target, at, event } = message;
  const shared = sharedOf(certificates);
  const rest = count - certificates.length;
  return [
    message.title,
    "",
    ...(shared === null || event === "recovered" ? [] : [...shared, ""]),
    ...certificates.flatMap((one) => linesOf(one, event, shared !== null)),
    ...(rest > 0 ? [`and ${rest} more`] : []),
    ...(certificates.length > 0 ? [""] : []),
    ...(details.length > 0 ? [...details, ""] : []),
    `livecert on ${host}${target === null ? "" : `, target ${target}`}, ${at}`,
    "",
  ].join("\n");
}

/** What holds for several certificates alike is said once. */
function sharedOf(
  certificates: readonly MessageCertificate[],
): readonly string[] | null {
  const [first, second] = certificates;
  if (first === undefined || second === undefined) return null;
  const isShared = certificates.every(
    ({ reason, remedy }) => reason === first.reason && remedy === first.remedy,
  );
  return isShared ? whyOf(first) : null;
}

function whyOf({ reason, remedy }: MessageCertificate): readonly string[] {
  return [reason, ...(remedy === null ? [] : [`hint: ${remedy}`])];
}

function linesOf(
  one: MessageCertificate,
  event: Message["event"],
  isExplained: boolean,
): readonly string[] {
  const names =
    one.hostNames.length === 0
      ? ""
      : ` (${one.hostNames.map(onOneLine).join(", ")})`;
  const end = one.notAfter === null ? "" : `, expires ${one.notAfter}`;
  const head = `- ${onOneLine(one.name)}${names}${end}`;
  const isBrief = isExplained || event === "recovered";
  return isBrief ? [head] : [head, ...whyOf(one).map((line) => `  ${line}`)];
}

/** For a chat: the title and the first of what a mail would say. */
export function briefTextOf(message: Message, maxLength: number): string {
  const text = textOf(message).trimEnd();
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
}
