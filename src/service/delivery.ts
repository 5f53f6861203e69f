/**
 * Sends what waits in the outbox. Whoever does so holds a lock of its own, so that no message is sent by two at once; a
 * channel that is down holds up no other one.
 */
import { join } from "node:path";
import { send, type Sending } from "../adapters/notify/send.ts";
import { tryLock } from "../adapters/store/lock.ts";
import { outboxId, type OutboxEntry } from "../core/incidents/record.ts";
import type { Channel } from "../core/settings/channels.ts";
import type { World } from "../pipeline/world.ts";
import { dueEntries, longestPauseMs } from "./outbox.ts";

export type Post = Pick<
  World,
  "settings" | "store" | "log" | "now" | "signal"
> & {
  /** `$CREDENTIALS_DIRECTORY`. */
  readonly credentialsDirectory: string | null;
};

/** What became of one attempt. */
export interface Delivered {
  readonly channel: string;
  readonly title: string;
  readonly sending: Sending;
}

/** Nobody can use what is older. */
const keptMs = 3 * 24 * 3_600_000;

/** Every due message once. Empty too where somebody else is sending at the moment. */
export async function sendWaiting(post: Post): Promise<readonly Delivered[]> {
  if ((await dueEntries(post.store, post.now())).length === 0) return [];
  using lock = await tryLock({
    runDir: join(post.settings.runDir, "outbox"),
    command: "notify",
    signal: post.signal,
  });
  if (lock === null) return [];
  const byChannel = new Map<string, OutboxEntry[]>();
  for (const entry of await dueEntries(post.store, post.now()))
    byChannel.set(entry.channel, [
      ...(byChannel.get(entry.channel) ?? []),
      entry,
    ]);
  const delivered = await Promise.all(
    [...byChannel].map(([name, entries]) => sendThrough(post, name, entries)),
  );
  return delivered.flat();
}

/** One after the other; where the channel does not take anything, the others wait with the one that was tried. */
async function sendThrough(
  post: Post,
  name: string,
  entries: readonly OutboxEntry[],
): Promise<readonly Delivered[]> {
  const channel = post.settings.notify.find((one) => one.name === name);
  const delivered: Delivered[] = [];
  let failedUntil: string | null = null;
  for (const entry of entries) {
    if (isOutdated(post, entry)) await giveUp(post, entry, channel);
    // Whoever runs with a newer configuration knows it.
    else if (channel === undefined) continue;
    else if (failedUntil !== null)
      await post.store.outbox.put(outboxId(entry), {
        ...entry,
        nextAt: failedUntil,
      });
    else {
      const begun = await begin(post, entry);
      const sending = await attempt(post, channel, begun);
      if (sending.kind === "failed" && sending.obstacle === "channel")
        failedUntil = begun.nextAt;
      const { title } = entry.message;
      delivered.push({ channel: name, title, sending });
    }
  }
  return delivered;
}

function isOutdated({ now }: Post, { message }: OutboxEntry): boolean {
  return now().getTime() - Date.parse(message.at) > keptMs;
}

async function giveUp(
  { store, log }: Post,
  entry: OutboxEntry,
  channel: Channel | undefined,
): Promise<void> {
  await store.outbox.remove(outboxId(entry));
  log.error("a message was given up", {
    channel: entry.channel,
    title: entry.message.title,
    attempts: entry.attempts,
    reason:
      channel === undefined
        ? "there is no such channel any more"
        : (entry.error ?? "it is too old"),
  });
}

/** Written before the attempt, so that whoever is killed in the middle of it does not begin again at once. */
async function begin(
  { store, settings, now }: Post,
  entry: OutboxEntry,
): Promise<OutboxEntry> {
  const pauseMs = Math.min(
    settings.alerts.sendAgainMs * 2 ** entry.attempts,
    longestPauseMs,
  );
  const begun: OutboxEntry = {
    ...entry,
    attempts: entry.attempts + 1,
    nextAt: new Date(now().getTime() + pauseMs).toISOString(),
    error: null,
  };
  await store.outbox.put(outboxId(begun), begun);
  return begun;
}

async function attempt(
  post: Post,
  channel: Channel,
  entry: OutboxEntry,
): Promise<Sending> {
  const { store, log, settings, signal, credentialsDirectory, now } = post;
  const { message, attempts } = entry;
  const sending = await send(channel, message, {
    timeoutMs: settings.alerts.timeoutMs,
    signal,
    credentialsDirectory,
    now: now(),
  });
  const fields = { channel: channel.name, title: message.title };
  if (sending.kind === "sent") {
    await store.outbox.remove(outboxId(entry));
    if (sending.remark === null) log.info("message sent", fields);
    else
      log.warn("message sent, but not to everybody", {
        ...fields,
        reason: sending.remark,
      });
    return sending;
  }
  const { reason } = sending;
  await store.outbox.put(outboxId(entry), { ...entry, error: reason });
  if (Number.isInteger(Math.log2(attempts)))
    log.warn("a message could not be sent", {
      ...fields,
      reason,
      attempts,
      againAt: entry.nextAt,
    });
  return sending;
}
