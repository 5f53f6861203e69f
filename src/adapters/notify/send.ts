/** Sends one message through one channel, once. */
import type { Message } from "../../core/incidents/message.ts";
import { redact } from "../../core/report/redact.ts";
import type { Channel } from "../../core/settings/channels.ts";
import { Unsendable, type Obstacle } from "./secrets.ts";

export interface SendOptions {
  /** Limit for the whole. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly credentialsDirectory: string | null;
  readonly now: Date;
}

export type Sending =
  /** `remark`: who did not get it, and why; null: everybody did. */
  | { readonly kind: "sent"; readonly remark: string | null }
  /** `reason` holds no secret. */
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly obstacle: Obstacle;
    };

/** Never throws. Each kind of channel is loaded when it is first used. */
export async function send(
  channel: Channel,
  message: Message,
  options: SendOptions,
): Promise<Sending> {
  const limit = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, limit]);
  try {
    const remark = await sendBy(channel, message, { ...options, signal });
    return { kind: "sent", remark: remark === null ? null : redact(remark) };
  } catch (error) {
    if (error instanceof Unsendable)
      return failed(redact(error.message), error.obstacle);
    return failed(reasonOf(error, options), "channel");
  }
}

function failed(reason: string, obstacle: Obstacle): Sending {
  return { kind: "failed", reason, obstacle };
}

function reasonOf(error: unknown, { signal, timeoutMs }: SendOptions): string {
  if (signal.aborted) return "there was no time left";
  if (error instanceof Error && error.name === "TimeoutError")
    return `no answer within ${String(timeoutMs / 1_000)} s`;
  throw error;
}

async function sendBy(
  channel: Channel,
  message: Message,
  options: SendOptions,
): Promise<string | null> {
  switch (channel.kind) {
    case "email": {
      const { sendByServer } = await import("./mail.ts");
      return sendByServer(channel, message, options);
    }
    case "sendmail": {
      const { sendByOwnSystem } = await import("./mail.ts");
      await sendByOwnSystem(channel, message, options);
      return null;
    }
    case "webhook": {
      const { sendToWebhook } = await import("./http.ts");
      await sendToWebhook(channel, message, options);
      return null;
    }
    case "slack":
    case "mattermost":
    case "discord":
    case "ntfy": {
      const { sendToChat } = await import("./http.ts");
      await sendToChat(channel, message, options);
      return null;
    }
    case "command": {
      const { runForUser } = await import("./run-for-user.ts");
      const input = `${JSON.stringify(message)}\n`;
      await runForUser(channel.command, { ...options, input });
      return null;
    }
  }
}
