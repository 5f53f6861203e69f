/**
 * What need not be looked at again: the record suffices while a source's files and Nginx's workers are those under which it
 * was last seen served.
 */
import pMap from "p-map";
import {
  continuedGenerations,
  filesKey,
  isSameGeneration,
} from "../core/decision/generations.ts";
import type { TargetRecord } from "../core/decision/record.ts";
import type { Target, TargetState } from "../ports.ts";
import type { Candidate } from "./assess.ts";
import { identifyFiles, sourceId } from "./examine.ts";
import type { World } from "./world.ts";

/** What is known of a target before any file is compared; a Discovery is one. */
export interface Workers {
  readonly target: Target;
  readonly state: TargetState;
  readonly known: { readonly target: TargetRecord | null };
}

/** Those that the record does not speak for. */
export async function notKnownToBeServed(
  world: World,
  workers: Workers,
  candidates: readonly Candidate[],
): Promise<readonly Candidate[]> {
  const unknown = await pMap(
    candidates,
    async (candidate) =>
      (await isKnownToBeServed(world, workers, candidate)) ? [] : [candidate],
    { concurrency: 16 },
  );
  return unknown.flat();
}

async function isKnownToBeServed(
  world: World,
  { target, state, known }: Workers,
  candidate: Candidate,
): Promise<boolean> {
  if (state.kind !== "running") return false;
  const record = await world.store.sources.get(sourceId(candidate.files));
  const seen = record?.seen.find((one) => one.target === target.name);
  if (seen === undefined) return false;
  const line = continuedGenerations(known.target, state.generation);
  if (!line.some((generation) => isSameGeneration(generation, seen.generation)))
    return false;
  const files = await identifyFiles(candidate.files);
  return filesKey(files) === filesKey(seen.files);
}
