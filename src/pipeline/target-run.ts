/** One run against one Nginx: discover … verify. It ends in at most one reload. */
import { filesKey } from "../core/decision/generations.ts";
import type { Target } from "../ports.ts";
import { carryOut } from "./carry-out.ts";
import { conclude, type TargetResult } from "./conclude.ts";
import { identifyFiles, sourceId, type Examined } from "./examine.ts";
import {
  casesBroughtAlong,
  casesToReload,
  planRun,
  type Plan,
} from "./plan.ts";
import type { RunRequest, World } from "./world.ts";

export interface TargetRun {
  readonly world: World;
  readonly request: RunRequest;
  readonly target: Target;
  /** By source: what was examined before Nginx was asked. */
  readonly examined: ReadonlyMap<string, Examined>;
}

/** Files that change between look and reload are looked at again, but not for ever. */
const looks = 3;

export async function runTarget(given: TargetRun): Promise<TargetResult> {
  let run = given;
  for (let look = 1; look < looks; look++) {
    const plan = await planRun(run);
    const reloading = casesToReload(plan);
    if (reloading.length === 0) return conclude(run, plan, null);
    const changed = await changedSince(run, plan);
    if (changed === null)
      return conclude(
        run,
        plan,
        await carryOut(run, plan, {
          reloading,
          alongside: casesBroughtAlong(plan),
        }),
      );
    run.world.log.info("files changed during the run", {
      target: run.target.name,
    });
    run = { ...run, examined: without(run.examined, changed) };
  }
  const plan = await planRun({
    ...run,
    request: { ...run.request, isDryRun: true },
  });
  return conclude(run, plan, null);
}

/** What was read for this plan and is something else by now: ids of sources, none where only the configuration is. null: nothing. */
async function changedSince(
  { target }: TargetRun,
  { discovery, cases }: Plan,
): Promise<readonly string[] | null> {
  const configuration = await target.identify(
    discovery.files.map(({ path }) => path),
  );
  const isOtherConfiguration =
    discovery.wasEdited ||
    filesKey(configuration) !== filesKey(discovery.files);
  const changed = await Promise.all(
    cases.map(async ({ assessment: { candidate, examined } }) =>
      filesKey(await identifyFiles(candidate.files)) === examined.filesKey
        ? []
        : [sourceId(candidate.files)],
    ),
  );
  const sources = changed.flat();
  return isOtherConfiguration || sources.length > 0 ? sources : null;
}

/** They are examined anew when they are looked at again. */
function without(
  examined: TargetRun["examined"],
  sources: readonly string[],
): TargetRun["examined"] {
  return new Map([...examined].filter(([source]) => !sources.includes(source)));
}
