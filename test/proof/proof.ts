import { parseArgs } from "node:util";
import type { Claim } from "./claim.ts";
import { clockClaim } from "./claims/clock.ts";
import { faultsClaim } from "./claims/faults.ts";
import { chainClaim } from "./claims/chain.ts";
import { selectionClaim } from "./claims/selection.ts";
import { killedClaim } from "./claims/killed.ts";

const claims: readonly Claim[] = [
  chainClaim,
  selectionClaim,
  killedClaim,
  faultsClaim,
  clockClaim,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: "boolean" }, seed: { type: "string" } },
});
for (const claim of claims.filter(
  ({ id }) => positionals.length === 0 || positionals.includes(id),
)) {
  const t = performance.now();
  const evidence = await claim.prove({
    extent: values.short === true ? "short" : "whole",
    seed: Number(values.seed ?? 1),
    progress: (text) => console.error(`  ${text}`),
  });
  console.log(
    claim.id,
    evidence.tried,
    evidence.failures.length,
    evidence.details,
    performance.now() - t,
  );
  for (const f of evidence.failures.slice(0, 20)) console.log("  FAIL", f);
}
