import type { RunDocument } from "../core/report/document.ts";
import type { World } from "../pipeline/world.ts";
import { readPresence } from "../service/presence.ts";

/** Where a file is asked for, and no watcher tells the metrics. A run is no failure because its figures cannot be written. */
export async function measureAtEnd(
  world: World,
  document: RunDocument,
): Promise<void> {
  const { metrics, runDir } = world.settings;
  if (metrics.textfile === null || document.outcome === "deferred") return;
  if ((await readPresence(runDir)) !== null) return;
  try {
    const { writeTextfile } = await import("../service/textfile.ts");
    await writeTextfile(world, metrics.textfile, document);
  } catch (error) {
    world.log.warn("the metrics cannot be written", {
      file: metrics.textfile,
      reason: error instanceof Error ? error.message : String(error),
    });
  }
}
