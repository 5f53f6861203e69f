/** One request to a webhook or chat; Node's own client. */
import { createHmac } from "node:crypto";
import { unescape } from "node:querystring";
import type { Message } from "../../core/incidents/message.ts";
import { chatPayload, type Payload } from "../../core/notify/payloads.ts";
import type {
  ChatChannel,
  WebhookChannel,
} from "../../core/settings/channels.ts";
import { version } from "../../version.ts";
import { revealSecret, Unsendable } from "./secrets.ts";
import type { SendOptions } from "./send.ts";

export async function sendToWebhook(
  { url, secret }: WebhookChannel,
  message: Message,
  { signal, credentialsDirectory, now }: SendOptions,
): Promise<void> {
  const body = JSON.stringify(message);
  const sentAt = String(Math.floor(now.getTime() / 1_000));
  const signature =
    secret === null
      ? {}
      : {
          "webhook-signature": signatureOf(
            await revealSecret(secret, credentialsDirectory),
            `${message.id}.${sentAt}.${body}`,
          ),
        };
  const headers = {
    "content-type": "application/json",
    "webhook-id": message.id,
    "webhook-timestamp": sentAt,
    "idempotency-key": message.id,
    ...signature,
  };
  await post(await revealSecret(url, credentialsDirectory), {
    payload: { body, headers },
    signal,
  });
}

/** Version 1 of https://github.com/standard-webhooks/standard-webhooks, whose keys may be base64 after `whsec_`. */
function signatureOf(secret: string, signed: string): string {
  const key = secret.startsWith("whsec_")
    ? Buffer.from(secret.slice("whsec_".length), "base64")
    : Buffer.from(secret);
  return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}

export async function sendToChat(
  { kind, url, token }: ChatChannel,
  message: Message,
  { signal, credentialsDirectory }: SendOptions,
): Promise<void> {
  const { body, headers } = chatPayload(kind, message);
  const authorization =
    token === null
      ? {}
      : {
          authorization: `Bearer ${await revealSecret(token, credentialsDirectory)}`,
        };
  await post(await revealSecret(url, credentialsDirectory), {
    payload: { body, headers: { ...headers, ...authorization } },
    signal,
  });
}

async function post(
  url: string,
  {
    payload: { body, headers },
    signal,
  }: { readonly payload: Payload; readonly signal: AbortSignal },
): Promise<void> {
  const { address, authorization } = parseUrl(url);
  const answer = await request(address, {
    method: "POST",
    body,
    headers: {
      "user-agent": `livecert/${version}`,
      ...authorization,
      ...headers,
    },
    // Another address is not the one that the secret was meant for.
    redirect: "manual",
    signal,
  });
  await answer.body?.cancel();
  if (answer.status < 200 || answer.status > 299)
    throw new Unsendable(
      `the receiver answered ${String(answer.status)}`,
      aboutContent.has(answer.status) ? "message" : "channel",
    );
}

/** A user and password in it become what curl makes of them (RFC 7617); fetch refuses them. */
function parseUrl(text: string): {
  readonly address: URL;
  readonly authorization: Readonly<Record<string, string>>;
} {
  const address = URL.canParse(text) ? new URL(text) : null;
  if (address === null || !/^https?:$/.test(address.protocol))
    throw new Unsendable("the url is none of the form https://HOST/PATH");
  const { username, password } = address;
  if (username + password === "") return { address, authorization: {} };
  address.username = "";
  address.password = "";
  const login = `${unescape(username)}:${unescape(password)}`;
  const encoded = Buffer.from(login).toString("base64");
  return { address, authorization: { authorization: `Basic ${encoded}` } };
}

/** RFC 9110, 15.5: what a receiver says of the content, not of who sends it, where to or how often. */
const aboutContent: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** What fetch says of a failure holds the address, which is a secret; the system's code does not. */
async function request(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    const { cause } = error as { readonly cause?: { readonly code?: unknown } };
    if (cause === undefined)
      throw new Unsendable("a header cannot hold the token or secret");
    const code = typeof cause.code === "string" ? `: ${cause.code}` : "";
    throw new Unsendable(`the receiver cannot be reached${code}`);
  }
}
