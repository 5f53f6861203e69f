import type { LineageReport } from "./document.ts";

/**
 * Whether clients are handed what is on disk. A configuration that Nginx refuses says nothing of that: it serves as before.
 */
export function isServed({
  outcome,
  probes,
}: Pick<LineageReport, "outcome" | "probes">): boolean {
  switch (outcome) {
    case "live":
    case "deployed":
      return true;
    case "config-invalid":
      return (
        probes.length > 0 && probes.every(({ verdict }) => verdict === "live")
      );
    default:
      return false;
  }
}
