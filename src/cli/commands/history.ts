import { basename, dirname, join, resolve } from "node:path";
import { findLineage } from "../../adapters/certbot/lineages.ts";
import { openStore } from "../../adapters/store/store.ts";
import type { HistoryArguments, Invocation } from "../invocation.ts";
import { renderHistory } from "../render/history.ts";
import { renderJson } from "../render/json.ts";

/** @throws LivecertError lineage-not-found, for a name that neither the journal nor Certbot knows */
export async function run(
  invocation: Invocation<HistoryArguments>,
): Promise<number> {
  const { settings, log, stdout } = invocation;
  const store = await openStore({ stateDir: settings.stateDir, log });
  const lineage = lineageOf(invocation);
  const newestFirst = await store.journal.read({
    limit: invocation.arguments.newest,
    lineage: lineage ?? undefined,
  });
  if (newestFirst.length === 0 && lineage?.includes("/") === false)
    await findLineage(lineage, settings.certbotDir);
  const entries = newestFirst.toReversed();
  stdout.write(
    settings.json
      ? renderJson({ schema: 1, entries })
      : renderHistory(entries, stdout),
  );
  return 0;
}

/** A path below `live/` is a name to the journal, any other path a certificate's. */
function lineageOf(invocation: Invocation<HistoryArguments>): string | null {
  const { lineage } = invocation.arguments;
  if (lineage === null || !lineage.includes("/")) return lineage;
  const path = resolve(invocation.workingDirectory, lineage);
  const live = join(invocation.settings.certbotDir, "live");
  return dirname(path) === live ? basename(path) : path;
}
