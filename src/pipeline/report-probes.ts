/** What clients were handed at each point of a source, before and after the reload, for the document. */
import type { ProbeReport } from "../core/report/document.ts";
import type { Candidate } from "./assess.ts";
import type { Concluded } from "./conclude.ts";
import { seenAgain, type Sight } from "./observe.ts";

export function reportProbes({
  assessment,
  after,
}: Concluded): readonly ProbeReport[] {
  const { candidate, examined } = assessment;
  const onDisk = examined.examination.leaf?.fingerprint256 ?? null;
  const expected = candidate.supersededBy?.fingerprint256 ?? onDisk;
  return assessment.points.map((before): ProbeReport => {
    const later = seenAgain(before, after);
    const final = later ?? before;
    return {
      target: before.target,
      address: before.address,
      servername: before.servername,
      expected,
      before: seen(before.sight),
      after: later === null ? null : seen(later.sight),
      verdict: verdictOf(final.sight, candidate),
      error: errorOf(final.sight),
    };
  });
}

/** An outdated copy that is served as it is on disk is what a client should no longer be handed. */
function verdictOf(
  { verdict }: Sight,
  { isOutdatedCopy }: Candidate,
): ProbeReport["verdict"] {
  if (verdict === "broken") return "stale";
  return verdict === "live" && isOutdatedCopy ? "stale" : verdict;
}

function seen(sight: Sight): string | null {
  return sight.verdict === "broken"
    ? null
    : (sight.bundle?.leaf.fingerprint256 ?? null);
}

function errorOf(sight: Sight): string | null {
  return sight.verdict === "broken" || sight.verdict === "unverified"
    ? sight.reason
    : null;
}
