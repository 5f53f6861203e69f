/** The entries of `notify`: through what people are told, each by its own table of fields. */
import {
  fieldsSchema,
  invalid,
  readFields,
  sharedName,
  type EntryReading,
  type EntryType,
  type RawEntry,
} from "./entry.ts";
import type { Secret } from "./secret.ts";

export type Channel =
  | EmailChannel
  | SendmailChannel
  | WebhookChannel
  | ChatChannel
  | CommandChannel;

/** How a connection to a mail server is protected: at once, by STARTTLS, or not at all. */
export type Encryption = "tls" | "starttls" | "none";

export interface EmailChannel {
  readonly kind: "email";
  readonly name: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly encryption: Encryption;
  /** null: the server asks for none. */
  readonly login: { readonly user: string; readonly password: Secret } | null;
}

/** E-mail by the machine's own mail system. */
export interface SendmailChannel {
  readonly kind: "sendmail";
  readonly name: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly program: string;
}

/** The message as JSON, signed as https://www.standardwebhooks.com has it. */
export interface WebhookChannel {
  readonly kind: "webhook";
  readonly name: string;
  readonly url: Secret;
  /** null: it is not signed. */
  readonly secret: Secret | null;
}

export interface ChatChannel {
  readonly kind: "slack" | "mattermost" | "discord" | "ntfy";
  readonly name: string;
  /** Whoever has it may write there. */
  readonly url: Secret;
  /** Of ntfy; null: none is needed. */
  readonly token: Secret | null;
}

/** A program of the user's; it reads the message as JSON from standard input. */
export interface CommandChannel {
  readonly kind: "command";
  readonly name: string;
  readonly command: readonly [program: string, ...args: readonly string[]];
}

const common = { kind: "text", name: "text" } as const;
const emailFields = {
  ...common,
  from: "text",
  to: "texts",
  host: "text",
  port: "text",
  encryption: "text",
  user: "text",
  password: "secret",
} as const;
const sendmailFields = {
  ...common,
  from: "text",
  to: "texts",
  program: "path",
} as const;
const webhookFields = { ...common, url: "secret", secret: "secret" } as const;
const chatFields = { ...common, url: "secret" } as const;
const ntfyFields = { ...common, url: "secret", token: "secret" } as const;
const commandFields = { ...common, command: "words" } as const;

const chats = ["slack", "mattermost", "discord"] as const;

export const channelEntry: EntryType<Channel> = {
  read: readChannel,
  // What waits to be sent is kept by the channel's name.
  refuse: (channels) => sharedName(channels.map(({ name }) => name)),
  schema: {
    oneOf: [
      fieldsSchema("email", emailFields, ["from", "to", "host"]),
      fieldsSchema("sendmail", sendmailFields, ["from", "to"]),
      fieldsSchema("webhook", webhookFields, ["url"]),
      ...chats.map((kind) => fieldsSchema(kind, chatFields, ["url"])),
      fieldsSchema("ntfy", ntfyFields, ["url"]),
      fieldsSchema("command", commandFields, ["command"]),
    ],
  },
};

function readChannel(raw: RawEntry, base: string): EntryReading<Channel> {
  switch (raw["kind"]) {
    case "email":
      return readEmail(raw, base);
    case "sendmail":
      return readSendmail(raw, base);
    case "webhook":
      return readWebhook(raw, base);
    case "slack":
    case "mattermost":
    case "discord":
    case "ntfy":
      return readChat(raw["kind"], raw, base);
    case "command":
      return readCommand(raw, base);
    default:
      return invalid(
        "needs a kind: email, sendmail, webhook, slack, mattermost, discord, ntfy or command",
      );
  }
}

function readEmail(raw: RawEntry, base: string): EntryReading<Channel> {
  const fields = readFields(raw, emailFields, base);
  if (fields.kind === "invalid") return fields;
  const { name, from, to, host, user, password } = fields.value;
  if (from === null || to === null || host === null)
    return invalid("needs from, to and host");
  if ((user === null) !== (password === null))
    return invalid("needs user and password, or neither");
  const port = fields.value.port ?? (isOwnMachine(host) ? "25" : "587");
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535)
    return invalid("has a port that is no number from 1 to 65535");
  const encryption = fields.value.encryption ?? usualEncryption(host, port);
  if (!isEncryption(encryption))
    return invalid("has an encryption that is not tls, starttls or none");
  if (user !== null && encryption === "none" && !isOwnMachine(host))
    return invalid("would send its password to another machine unencrypted");
  return ok({
    kind: "email",
    name: name ?? "email",
    from,
    to,
    host,
    port: Number(port),
    encryption,
    login: user === null || password === null ? null : { user, password },
  });
}

function usualEncryption(host: string, port: string): Encryption {
  if (port === "465") return "tls";
  return isOwnMachine(host) ? "none" : "starttls";
}

function isEncryption(text: string): text is Encryption {
  return text === "tls" || text === "starttls" || text === "none";
}

function isOwnMachine(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function readSendmail(raw: RawEntry, base: string): EntryReading<Channel> {
  const fields = readFields(raw, sendmailFields, base);
  if (fields.kind === "invalid") return fields;
  const { name, from, to, program } = fields.value;
  if (from === null || to === null) return invalid("needs from and to");
  return ok({
    kind: "sendmail",
    name: name ?? "sendmail",
    from,
    to,
    program: program ?? "/usr/sbin/sendmail",
  });
}

function readWebhook(raw: RawEntry, base: string): EntryReading<Channel> {
  const fields = readFields(raw, webhookFields, base);
  if (fields.kind === "invalid") return fields;
  const { name, url, secret } = fields.value;
  if (url === null || !isWebAddress(url)) return needsUrl;
  return ok({ kind: "webhook", name: name ?? "webhook", url, secret });
}

function readChat(
  kind: ChatChannel["kind"],
  raw: RawEntry,
  base: string,
): EntryReading<Channel> {
  const fields = readFields(raw, ntfyFields, base);
  if (fields.kind === "invalid") return fields;
  const { name, url, token } = fields.value;
  if (url === null || !isWebAddress(url)) return needsUrl;
  if (token !== null && kind !== "ntfy")
    return invalid(`has a token, which ${kind} does not know`);
  return ok({ kind, name: name ?? kind, url, token });
}

const needsUrl = invalid("needs a url that begins with https:// or http://");

/** One that lies elsewhere is looked at when it is read. */
function isWebAddress(url: Secret): boolean {
  return url.kind !== "given" || /^https?:\/\/./.test(url.value.reveal());
}

function readCommand(raw: RawEntry, base: string): EntryReading<Channel> {
  const fields = readFields(raw, commandFields, base);
  if (fields.kind === "invalid") return fields;
  const [program, ...args] = fields.value.command ?? [];
  if (program === undefined) return invalid("needs a command");
  const name = fields.value.name ?? "command";
  return ok({ kind: "command", name, command: [program, ...args] });
}

function ok(value: Channel): EntryReading<Channel> {
  return { kind: "ok", value };
}
