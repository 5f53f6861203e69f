import type { TargetMeasure } from "../core/metrics/families.ts";
import type { World } from "../pipeline/world.ts";

/** A look at the process table of each Nginx. */
export async function measureTargets(
  world: Pick<World, "targets" | "signal">,
): Promise<readonly TargetMeasure[]> {
  return Promise.all(
    world.targets.map(async (target) => {
      const state = await target.inspect(world.signal);
      const generation = state.kind === "running" ? state.generation : null;
      return {
        target: target.name,
        isRunning: generation !== null,
        accepting: generation?.workers.length ?? 0,
        draining: generation?.draining.length ?? 0,
      };
    }),
  );
}
