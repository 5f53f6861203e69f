import { join } from "node:path";
import type { Dialect } from "../core/metrics/exposition.ts";

/** Where what is answered over HTTP is kept. */
export function documentPath(
  runDir: string,
  document: "status" | Dialect,
): string {
  const name = document === "status" ? "status.json" : `metrics.${document}`;
  return join(runDir, "answers", name);
}
