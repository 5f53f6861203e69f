import type { Lineage } from "./lineage.ts";

/** What a run is about, as schedule, board and pending entries name it: a lineage's directory, or the certificate file of a source that is no lineage. */
export function subjectOf(one: {
  readonly lineage: Lineage | null;
  readonly certificate: string | null;
}): string {
  return one.lineage?.path ?? one.certificate ?? "";
}
