import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { send } from "../../adapters/notify/send.ts";
import { openStore } from "../../adapters/store/store.ts";
import { testMessage } from "../../core/incidents/message.ts";
import type { Channel } from "../../core/settings/channels.ts";
import { LivecertError } from "../../errors.ts";
import { sendWaiting, type Delivered } from "../../service/delivery.ts";
import type { Invocation, NotifyArguments } from "../invocation.ts";
import { credentialsOf } from "../notify.ts";
import { renderDelivered } from "../render/delivered.ts";
import { renderJson } from "../render/json.ts";

const problemExitCode = 3;

/** Sends what waits, or a test through every channel; 3 where a channel did not take it. */
export async function run(
  invocation: Invocation<NotifyArguments>,
): Promise<number> {
  const { settings, stdout } = invocation;
  const { isTest } = invocation.arguments;
  if (isTest && settings.notify.length === 0)
    throw new LivecertError("usage", "no channel is configured", {
      remedy:
        "name one under notify in /etc/livecert/livecert.yaml, see docs/alerts.md",
    });
  const delivered = isTest
    ? await tryAll(invocation)
    : await sendWaiting({
        ...invocation,
        store: await openStore({
          stateDir: settings.stateDir,
          log: invocation.log,
        }),
        credentialsDirectory: credentialsOf(invocation),
      });
  stdout.write(
    settings.json
      ? renderJson(documentOf(settings.notify, delivered))
      : renderDelivered(settings.notify, delivered, stdout),
  );
  return delivered.some(
    ({ sending }) => sending.kind === "failed" || sending.remark !== null,
  )
    ? problemExitCode
    : 0;
}

/** All at once: one that does not answer holds up no other. */
async function tryAll(
  invocation: Invocation<NotifyArguments>,
): Promise<readonly Delivered[]> {
  const { settings, signal, now } = invocation;
  const message = testMessage({
    id: randomUUID(),
    host: hostname(),
    at: now(),
  });
  return Promise.all(
    settings.notify.map(async (channel) => ({
      channel: channel.name,
      title: message.title,
      sending: await send(channel, message, {
        timeoutMs: settings.alerts.timeoutMs,
        signal,
        credentialsDirectory: credentialsOf(invocation),
        now: now(),
      }),
    })),
  );
}

function documentOf(
  channels: readonly Channel[],
  delivered: readonly Delivered[],
): object {
  return {
    schema: 1,
    messages: delivered.map(({ channel, title, sending }) => ({
      channel,
      kind: channels.find(({ name }) => name === channel)?.kind ?? null,
      title,
      sent: sending.kind === "sent",
      error: sending.kind === "sent" ? sending.remark : sending.reason,
    })),
  };
}
