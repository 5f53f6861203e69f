/**
 * Discover: asks Nginx for its configuration once and turns it into the model. The dump describes the files on disk, not
 * what Nginx runs; which of them Nginx cannot have loaded yet is told beside it.
 */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { prepareToProbe } from "../adapters/tls/probe.ts";
import { isSameGeneration } from "../core/decision/generations.ts";
import type { ModelRecord, TargetRecord } from "../core/decision/record.ts";
import type { FileIdentity } from "../core/lineage/lineage.ts";
import type { NginxModel } from "../core/nginx/model.ts";
import { readModel } from "../core/nginx/read-model.ts";
import { redact } from "../core/report/redact.ts";
import type { DumpResult, Target, TargetState } from "../ports.ts";
import { version } from "../version.ts";
import type { World } from "./world.ts";

export interface Discovery {
  readonly target: Target;
  readonly state: TargetState;
  /** Nginx's own verdict; `unknown` where it was not or could not be asked. */
  readonly configuration: "ok" | "refused" | "unknown";
  /** Nginx's words, or why it could not be asked. */
  readonly errors: readonly string[];
  /** Of this dump, or else the last good one; null where there never was one. */
  readonly model: NginxModel | null;
  /** What Nginx runs, where that is known to differ from `model`. */
  readonly loadedModel: NginxModel | null;
  readonly digest: string | null;
  /** Of the dump that Nginx is known to run; null where that is not known. */
  readonly loadedDigest: string | null;
  readonly files: readonly FileIdentity[];
  /** One of them was changed while Nginx read them: the dump may hold what it was before. */
  readonly wasEdited: boolean;
  /** Files of the dump that Nginx has not loaded yet. */
  readonly pendingFiles: readonly FileIdentity[];
  readonly known: Known;
}

/** What the state remembers of the target. */
export interface Known {
  readonly model: ModelRecord | null;
  readonly target: TargetRecord | null;
}

export type RunningState = Extract<TargetState, { kind: "running" }>;

/** Never runs `nginx -T` while Nginx is stopped: that would leave an empty pid file and other traces. */
export async function discover(
  world: World,
  target: Target,
): Promise<Discovery> {
  const known: Known = {
    model: await world.store.models.get(target.name),
    target: await world.store.targets.get(target.name),
  };
  const state = await target.inspect(world.signal);
  const undumped = (
    configuration: "refused" | "unknown",
    errors: readonly string[],
  ): Discovery => ({
    target,
    state,
    configuration,
    errors: errors.map(redact),
    model: known.model?.model ?? null,
    loadedModel: null,
    digest: null,
    loadedDigest: null,
    files: [],
    wasEdited: false,
    pendingFiles: [],
    known,
  });
  if (state.kind !== "running") return undumped("unknown", [state.reason]);
  const askedAt = world.now();
  const dumping = target.dump(world.signal);
  // While Nginx starts and reads its files.
  setImmediate(prepareToProbe);
  const dump = await dumping;
  if (dump.kind === "refused") return undumped("refused", dump.errors);
  if (dump.kind === "failed") return undumped("unknown", [dump.reason]);
  return dumped({ world, target, state, known, dump, askedAt });
}

async function dumped(input: {
  world: World;
  target: Target;
  state: RunningState;
  known: Known;
  dump: Extract<DumpResult, { kind: "ok" }>;
  askedAt: Date;
}): Promise<Discovery> {
  const { world, target, state, known, dump, askedAt } = input;
  const digest = createHash("sha256").update(dump.text).digest("hex");
  const model = isKept(known.model, digest)
    ? known.model.model
    : readModel(dump.text, { prefix: dump.prefix, hostname: hostname() });
  const files = await target.identify(model.files);
  const reading = { from: askedAt, to: world.now() };
  const loadedDigest = loadedDigestOf(known, state);
  const pendingFiles =
    loadedDigest === digest
      ? []
      : files.filter((file) => isNotLoaded(file, known, state));
  // Also where nothing is new: a file may only have gone.
  const isPending =
    pendingFiles.length > 0 ||
    (loadedDigest !== null && loadedDigest !== digest);
  return {
    target,
    state,
    configuration: "ok",
    errors: dump.warnings.map(redact),
    model,
    loadedModel: isPending ? loadedModelOf(known, loadedDigest) : null,
    digest,
    loadedDigest: isPending ? loadedDigest : digest,
    files,
    wasEdited: files.some((file) => wasChangedDuring(file, reading)),
    pendingFiles,
    known,
  };
}

/** The kernel stamps files by a clock that ticks every few milliseconds. */
const coarseMs = 20;

function wasChangedDuring(
  { changedNs }: FileIdentity,
  { from, to }: { readonly from: Date; readonly to: Date },
): boolean {
  const changedMs = Number(BigInt(changedNs) / 1_000_000n);
  return changedMs >= from.getTime() - coarseMs && changedMs <= to.getTime();
}

/** The state has the model of this dump as this very reader would make it on this machine. */
function isKept(kept: ModelRecord | null, digest: string): kept is ModelRecord {
  return (
    kept?.digest === digest &&
    kept.readBy === version &&
    kept.model.hostname === hostname()
  );
}

/** Known only of the very workers that run now: whoever reloaded or restarted Nginx since has loaded another dump. */
function loadedDigestOf(
  { target }: Known,
  { generation }: RunningState,
): string | null {
  const newest = target?.generations.at(-1);
  return newest !== undefined && isSameGeneration(newest, generation)
    ? (target?.loadedDigest ?? null)
    : null;
}

function loadedModelOf(
  { model }: Known,
  loadedDigest: string | null,
): NginxModel | null {
  if (loadedDigest === null || model === null) return null;
  if (model.digest === loadedDigest) return model.model;
  return model.previous?.digest === loadedDigest ? model.previous.model : null;
}

/**
 * Another file than in the dump that the workers are known to run, however old: a site is enabled by a link, and copies keep
 * their times. Where that is not known: written after the oldest worker started.
 */
function isNotLoaded(
  file: FileIdentity,
  known: Known,
  state: RunningState,
): boolean {
  if (state.oldestWorkerStartMs === null) return false;
  const isOfLoadedDump =
    known.model !== null && known.model.digest === loadedDigestOf(known, state);
  return isOfLoadedDump
    ? !known.model.files.some(
        (old) =>
          old.resolved === file.resolved &&
          old.inode === file.inode &&
          old.modifiedNs === file.modifiedNs,
      )
    : Number(BigInt(file.modifiedNs) / 1_000_000n) > state.oldestWorkerStartMs;
}

/** What the state should keep of the dump; null when it is kept already, or was not had. */
export function modelRecord(
  discovery: Discovery,
  at: Date,
): ModelRecord | null {
  const { model, digest, known, loadedDigest, loadedModel, target, files } =
    discovery;
  if (model === null || digest === null || isKept(known.model, digest))
    return null;
  const previous =
    loadedModel === null || loadedDigest === null
      ? null
      : { digest: loadedDigest, model: loadedModel };
  return {
    schema: 1,
    target: target.name,
    at: at.toISOString(),
    readBy: version,
    model,
    files,
    digest,
    previous,
  };
}
