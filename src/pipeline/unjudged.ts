/**
 * A target that does not run, cannot be asked or refuses its configuration is told by the lineages that it uses. Where
 * none speaks of it, as of one that was never seen, it must not be silent.
 */
import type { Outcome } from "../core/decision/outcome.ts";
import type { TargetResult } from "./conclude.ts";
import type { RunRequest } from "./world.ts";

export interface Unjudged {
  readonly target: string;
  /** For people. */
  readonly reason: string;
  /** Of a run that has nothing else to tell; null: it does not run, and need not. */
  readonly outcome: Extract<Outcome, "config-invalid" | "reload-failed"> | null;
}

/**
 * A run about some of the certificates says nothing of a target that it knows from before.
 *
 * @param results without what is left to other targets that use a lineage
 */
export function unjudgedTargets(
  results: readonly TargetResult[],
  { scope }: Pick<RunRequest, "scope">,
): readonly Unjudged[] {
  return results
    .filter(
      ({ concluded, discovery }) =>
        concluded.length === 0 &&
        (scope.kind === "all" || discovery.known.model === null),
    )
    .flatMap((result) => judge(result) ?? []);
}

function judge({ discovery }: TargetResult): Unjudged | null {
  const { state, target, configuration, errors } = discovery;
  const { name } = target;
  if (state.kind !== "running")
    return { target: name, reason: state.reason, outcome: null };
  const words = errors.join("; ");
  switch (configuration) {
    case "ok":
      return null;
    case "refused":
      return {
        target: name,
        reason: `Nginx's own test refuses its configuration: ${words}`,
        outcome: "config-invalid",
      };
    case "unknown":
      return {
        target: name,
        reason: `its configuration could not be asked: ${words}`,
        outcome: "reload-failed",
      };
  }
}
