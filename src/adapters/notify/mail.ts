/** E-mail, by a mail server or by the machine's own mail system. */
import { createTransport } from "nodemailer";
import type { Message } from "../../core/incidents/message.ts";
import { textOf } from "../../core/incidents/message.ts";
import { redact } from "../../core/report/redact.ts";
import type {
  EmailChannel,
  SendmailChannel,
} from "../../core/settings/channels.ts";
import { runForUser } from "./run-for-user.ts";
import { revealSecret, Unsendable } from "./secrets.ts";
import type { SendOptions } from "./send.ts";

/** Its own files and addresses are all that a message of ours may hold. */
const closed = { disableFileAccess: true, disableUrlAccess: true } as const;

/** At most so long without a sign of the other side; the whole has a limit of its own. */
const lowestMs = 500;

export async function sendByServer(
  channel: EmailChannel,
  message: Message,
  { signal, timeoutMs, credentialsDirectory }: SendOptions,
): Promise<string | null> {
  const { host, port, encryption, login } = channel;
  const limitMs = Math.max(timeoutMs, lowestMs);
  const transport = createTransport({
    host,
    port,
    secure: encryption === "tls",
    requireTLS: encryption === "starttls",
    ignoreTLS: encryption === "none",
    connectionTimeout: limitMs,
    greetingTimeout: limitMs,
    dnsTimeout: limitMs,
    socketTimeout: limitMs,
    ...closed,
    ...(login === null
      ? {}
      : {
          auth: {
            user: login.user,
            pass: await revealSecret(login.password, credentialsDirectory),
          },
        }),
  });
  try {
    const taken = await orAborted(
      transport.sendMail(mailOf(channel, message)),
      signal,
    );
    return refusedOf(taken);
  } catch (error) {
    signal.throwIfAborted();
    throw new Unsendable(
      `the mail server: ${firstLine(error)}`,
      isAboutContent(error) ? "message" : "channel",
    );
  } finally {
    transport.close();
  }
}

/** What nodemailer says of who got it. */
interface Taken {
  readonly rejected: readonly (string | { readonly address: string })[];
  readonly rejectedErrors?: readonly Error[] | undefined;
}

/** nodemailer is content when the server takes the mail for one of them. */
function refusedOf({ rejected, rejectedErrors = [] }: Taken): string | null {
  if (rejected.length === 0) return null;
  const names = rejected.map((one) =>
    typeof one === "string" ? one : one.address,
  );
  const words = rejectedErrors.map(firstLine).join("; ");
  return `the mail server did not take it for ${names.join(", ")}: ${words}`;
}

/** nodemailer knows no signal; its own limits end what goes on. */
async function orAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
  });
  work.catch(() => undefined);
  try {
    signal.throwIfAborted();
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

export async function sendByOwnSystem(
  channel: SendmailChannel,
  message: Message,
  options: SendOptions,
): Promise<void> {
  const composer = createTransport({
    streamTransport: true,
    buffer: true,
    newline: "unix",
    ...closed,
  });
  const { message: text } = await composer.sendMail(mailOf(channel, message));
  if (!Buffer.isBuffer(text)) throw new Error("a mail that is no text");
  await runForUser(
    // A line with a dot alone is no end (-i); no address is taken for an option.
    [channel.program, "-i", "--", ...channel.to],
    { ...options, input: text.toString("utf8") },
  );
}

interface Mail {
  readonly from: string;
  readonly to: string[];
  readonly subject: string;
  readonly text: string;
  readonly messageId: string;
  readonly date: Date;
  readonly headers: Record<string, string>;
}

function mailOf(
  { from, to }: EmailChannel | SendmailChannel,
  message: Message,
): Mail {
  return {
    from,
    to: [...to],
    subject: `[livecert ${message.host}] ${message.title}`,
    text: textOf(message),
    // The same in every attempt: mail systems drop what they have seen.
    messageId: `<${message.id}@livecert.${message.host}>`,
    date: new Date(message.at),
    headers: {
      // RFC 3834: no out-of-office reply wanted.
      "Auto-Submitted": "auto-generated",
      "X-Livecert-Event": message.event,
      "X-Livecert-Severity": message.severity,
    },
  };
}

/** A server that has taken sender and recipients and then says no for good (RFC 5321, 4.2.1). */
function isAboutContent(error: unknown): boolean {
  const { command, responseCode } = error as {
    readonly command?: unknown;
    readonly responseCode?: unknown;
  };
  return command === "DATA" && Number(responseCode) >= 500;
}

function firstLine(error: unknown): string {
  const { message } = error as Error;
  return redact(message).split("\n", 1)[0] ?? "";
}
