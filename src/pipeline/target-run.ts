/** One run against one Nginx: discover … verify. It ends in at most one reload. */
import { filesKey } from "../core/decision/generations.ts";
import type { Target } from "../ports.ts";
import { carryOut } from "./carry-out.ts";
import { conclude, type TargetResult } from "./conclude.ts";
import { identifyFiles, type Examined } from "./examine.ts";
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

/** Files that change between look and reload are looked at again, all of them, but not for ever. */
const looks = 3;

export async function runTarget(given: TargetRun): Promise<TargetResult> {
  let run = given;
  for (let look = 1; look < looks; look++) {
    const plan = await planRun(run);
    const reloading = casesToReload(plan);
    if (reloading.length === 0) return conclude(run, plan, null);
    if (!(await hasChanged(run, plan)))
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
    run = { ...run, examined: new Map() };
  }
  const plan = await planRun({
    ...run,
    request: { ...run.request, isDryRun: true },
  });
  return conclude(run, plan, null);
}

/** Whether a file that was read for this plan is another one by now. */
async function hasChanged(
  { target }: TargetRun,
  { discovery, cases }: Plan,
): Promise<boolean> {
  if (discovery.wasEdited) return true;
  const configuration = await target.identify(
    discovery.files.map(({ path }) => path),
  );
  if (filesKey(configuration) !== filesKey(discovery.files)) return true;
  const sources = await Promise.all(
    cases.map(async ({ assessment: { candidate, examined } }) => {
      return (
        filesKey(await identifyFiles(candidate.files)) !== examined.filesKey
      );
    }),
  );
  return sources.some((changed) => changed);
}
