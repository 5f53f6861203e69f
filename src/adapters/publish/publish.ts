/** Publishes a set of files, as root only where root alone can change anything, else as the owner of the place. */
import { readFile } from "node:fs/promises";
import {
  holdsKey,
  type PublicationSetting,
} from "../../core/settings/publications.ts";
import { runAs } from "../process/run-as.ts";
import { PlaceError } from "./directory.ts";
import { describeFailure } from "./failure.ts";
import { childCommand, packJob, readAnswer, type Answer } from "./job.ts";
import { groupId, userId } from "./owners.ts";
import { describePinned, findPinned } from "./pinned.ts";
import { openPlace, type Identity, type OpenPlace } from "./place.ts";
import { lookAtPublished } from "./seen.ts";
import type { Contents, Done, Order } from "./order.ts";
import { carryOutOrder } from "./writer.ts";

export interface PublishRequest {
  readonly setting: PublicationSetting;
  readonly version: string;
  /** By file name; empty for a version that is kept from before. */
  readonly contents: Contents;
  /** What becomes the version before, where something is there that livecert has not published; null: nothing does. */
  readonly adopt: string | null;
  /** Versions that stay, however old: those that one can go back to. */
  readonly kept: readonly string[];
  readonly now: Date;
  /** This very program's file. */
  readonly program: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type PublishResult =
  | {
      readonly kind: "done";
      readonly adopted: Done["adopted"];
      /** What is there now, to be compared later; null where somebody has changed it already. */
      readonly seen: string | null;
    }
  | Extract<Answer, { kind: "failed" }>;

/** What lies there now; null where it is not whole, or cannot be looked at. */
export function seenAt(setting: PublicationSetting): string | null {
  try {
    using place = openPlace(setting);
    return lookAtPublished(place, setting)?.identity ?? null;
  } catch (error) {
    describeFailure(error);
    return null;
  }
}

/** Every failure of the place or the system is a value. */
export async function publishSet(
  request: PublishRequest,
): Promise<PublishResult> {
  const { setting } = request;
  try {
    using place = openPlace(setting);
    await refusePinned(place, setting);
    const order = orderFor(request, place.owner);
    const answer =
      place.owner === null
        ? carryOutHere(place, order, request.contents)
        : await carryOutAs(place.owner, place, order, request);
    if (answer.kind === "failed") return answer;
    const seen = lookAtPublished(place, setting)?.identity ?? null;
    return { ...answer, seen };
  } catch (error) {
    return { kind: "failed", ...describeFailure(error) };
  }
}

async function refusePinned(
  place: OpenPlace,
  setting: PublicationSetting,
): Promise<void> {
  if (setting.layout === "in-place") return;
  const inodes =
    lookAtPublished(place, setting)?.inodes ?? new Map<never, never>();
  const pinned = inodes.size === 0 ? null : await findPinned(inodes);
  if (pinned !== null)
    throw new PlaceError(
      describePinned(pinned),
      "mount the directory instead of the file and re-create the container, or set `layout: in-place`",
    );
}

function orderFor(request: PublishRequest, owner: Identity | null): Order {
  const { setting, version, contents, adopt, kept, now } = request;
  const { name, layout, files, mode, keyMode, keep } = setting;
  return {
    name,
    layout,
    files: files.map((file) => ({
      name: file.name,
      mode: holdsKey(file.kind) ? keyMode : mode,
    })),
    uid: userFor(setting, owner),
    gid: groupFor(setting, owner),
    version,
    isNew: contents.size > 0,
    adopt,
    keep,
    kept,
    nowMs: now.getTime(),
  };
}

/** A child has its directory's owner's rights and no more, so it cannot give anything away. */
function userFor(
  { owner }: PublicationSetting,
  identity: Identity | null,
): number | null {
  const uid = userId(owner);
  if (uid === null || identity === null || uid === identity.uid) return uid;
  throw new PlaceError(
    `the directory belongs to uid ${String(identity.uid)}, so files there cannot be given to ${String(owner)}`,
    "leave out `owner`, or let root own the directory and all above it",
  );
}

function groupFor(
  { group }: PublicationSetting,
  identity: Identity | null,
): number | null {
  const gid = groupId(group);
  if (gid === null || identity === null || gid === identity.gid) return gid;
  throw new PlaceError(
    `the directory belongs to gid ${String(identity.gid)}, so files there cannot be given to the group ${String(group)}`,
    "leave out `group`, or let root own the directory and all above it",
  );
}

function carryOutHere(
  place: OpenPlace,
  order: Order,
  contents: Contents,
): Answer {
  if (place.ahead.length > 0) throw new Error("the place was not reached");
  return { kind: "done", ...carryOutOrder(place.directory, order, contents) };
}

/** The program is read from standard input, since its file may lie where the other user cannot read. */
async function carryOutAs(
  user: Identity,
  place: OpenPlace,
  order: Order,
  { contents, program, timeoutMs, signal }: PublishRequest,
): Promise<Answer> {
  const result = await runAs({
    program: process.execPath,
    args: ["-", childCommand],
    user,
    directory: place.directory.fd,
    input: await readFile(program),
    descriptor3: packJob({ ahead: place.ahead, order, contents }),
    timeoutMs,
    signal,
  });
  const who = `uid ${String(user.uid)}, who owns the directory`;
  if (result.kind === "failed")
    return {
      kind: "failed",
      reason: `could not be written as ${who}: ${result.reason}`,
      remedy: `see whether that user may run ${process.execPath}; for a service see docs/publishing.md, The service`,
    };
  const answer = readAnswer(result.stdout);
  if (answer !== null) return answer;
  return {
    kind: "failed",
    reason: `could not be written as ${who}: no answer`,
    remedy: null,
  };
}
