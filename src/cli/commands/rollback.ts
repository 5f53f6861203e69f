import { openStore } from "../../adapters/store/store.ts";
import { composeWorld, newRunId } from "../../compose.ts";
import { versionBefore } from "../../core/publish/record.ts";
import { nearest } from "../../core/settings/nearest.ts";
import {
  publishedPaths,
  type PublicationSetting,
} from "../../core/settings/publications.ts";
import { LivecertError } from "../../errors.ts";
import { lockedRun } from "../../pipeline/locked-run.ts";
import type { Invocation, RollbackArguments } from "../invocation.ts";
import { printRun } from "../print-run.ts";

/** One step back: what was published before is published again, and an Nginx that reads it is reloaded. */
export async function run(
  invocation: Invocation<RollbackArguments>,
): Promise<number> {
  const setting = findPublication(invocation);
  await refuseWithoutVersion(invocation, setting);
  const world = await composeWorld(invocation);
  const document = await lockedRun(
    world,
    {
      run: newRunId(),
      command: "rollback",
      trigger: "person",
      scope: {
        kind: "named",
        lineages: [],
        certificates: publishedPaths(setting).map(({ path }) => path),
      },
      isForced: false,
      isDryRun: false,
      settleMs: world.settings.limits.settleHookMs,
      rollback: setting.name,
    },
    { own: [], lockWaitMs: world.settings.limits.lockMs, limitMs: null },
  );
  return printRun(invocation, document);
}

function findPublication({
  settings,
  arguments: { publication },
}: Invocation<RollbackArguments>): PublicationSetting {
  const setting = settings.publish.find(({ name }) => name === publication);
  if (setting !== undefined) return setting;
  const names = settings.publish.map(({ name }) => name);
  const [first] = nearest(publication, names);
  throw new LivecertError(
    "publication-not-found",
    `nothing is published by the name ${publication}`,
    {
      remedy:
        first === undefined
          ? `the configuration has ${names.length === 0 ? "none" : names.join(", ")}`
          : `did you mean ${first}?`,
    },
  );
}

async function refuseWithoutVersion(
  { settings: { stateDir }, log }: Invocation<RollbackArguments>,
  { name }: PublicationSetting,
): Promise<void> {
  const store = await openStore({ stateDir, log });
  const record = await store.publications.get(name);
  if (record !== null && versionBefore(record) !== null) return;
  throw new LivecertError(
    "no-earlier-version",
    record === null
      ? `${name} has not been published yet`
      : `no version of ${name} before the present one is kept`,
    { remedy: "`keep` in the configuration says how many versions stay" },
  );
}
