/** A message in the form that each kind of chat takes. */
import { briefTextOf, type Message } from "../incidents/message.ts";
import type { ChatChannel } from "../settings/channels.ts";

/** Body and headers of one request; the body is UTF-8. */
export interface Payload {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

const json = { "content-type": "application/json" };

/**
 * Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks; Mattermost takes the same (and Rocket.Chat
 * and others that imitate them). Discord: https://discord.com/developers/docs/resources/webhook, at most 2,000 characters.
 * ntfy: https://docs.ntfy.sh/publish, at most 4,096 bytes.
 */
export function chatPayload(
  kind: ChatChannel["kind"],
  message: Message,
): Payload {
  switch (kind) {
    case "slack":
      return { body: slackBody(message), headers: json };
    case "mattermost":
      return { body: mattermostBody(message), headers: json };
    case "discord":
      return { body: discordBody(message), headers: json };
    case "ntfy":
      return ntfyPayload(message);
  }
}

const signs = { critical: "🔴", warning: "🟠", ok: "🟢" } as const;

function signed(message: Message, maxLength: number): string {
  return `${signs[message.severity]} ${briefTextOf(message, maxLength - 3)}`;
}

/** `<!channel>` and links are written with these three (Slack, "Escaping text"). */
function slackBody(message: Message): string {
  const text = signed(message, 3_000)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
  return JSON.stringify({ text });
}

/** As a block of code, so that a name is no Markdown and no mention. */
function mattermostBody(message: Message): string {
  const text = fenced(message, 3_000);
  return JSON.stringify({ username: "livecert", text });
}

function discordBody(message: Message): string {
  return JSON.stringify({
    username: "livecert",
    content: fenced(message, 1_900),
    allowed_mentions: { parse: [] },
  });
}

function fenced(message: Message, maxLength: number): string {
  const text = briefTextOf(message, maxLength).replaceAll("`", "'");
  return `${signs[message.severity]}\n\`\`\`\n${text}\n\`\`\``;
}

const priorities = { critical: "5", warning: "4", ok: "3" } as const;
const tags = {
  critical: "rotating_light",
  warning: "warning",
  ok: "white_check_mark",
} as const;

function ntfyPayload(message: Message): Payload {
  return {
    body: shortened(briefTextOf(message, 3_500), 4_000),
    headers: {
      "content-type": "text/plain; charset=utf-8",
      title: ascii(message.title),
      priority: priorities[message.severity],
      tags: tags[message.severity],
    },
  };
}

/** A header holds no more. */
function ascii(text: string): string {
  return text.replaceAll(/[^\u0020-\u007e]/g, "?").slice(0, 200);
}

/** At most so many bytes of UTF-8, of which a character has four at most. */
function shortened(text: string, maxBytes: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}
