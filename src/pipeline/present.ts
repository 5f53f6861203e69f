/** What clients are handed at present: seen by the probes, or else remembered from the last deployment. */
import pMap from "p-map";
import { certificateFromDer } from "../adapters/tls/certificate.ts";
import { judgeServed } from "../adapters/tls/judge.ts";
import type { Bundle, Certificate } from "../core/certificate/certificate.ts";
import type { SourceRecord } from "../core/decision/record.ts";
import { findingIdentity, type Finding } from "../core/validation/finding.ts";
import type { Present } from "../core/validation/no-regression.ts";
import { knownIssuersOf, type Examined } from "./examine.ts";
import { presentBundle, type ObservedPoint } from "./observe.ts";
import type { World } from "./world.ts";

/**
 * What the no-regression rule compares with: what is served now; where that cannot be seen, what was last deployed. Where
 * points differ, a fault counts as present only if every one of them has it, and the earliest end counts. What is served is
 * judged only where `findings` of the new certificate ask for a comparison: that costs as much as a whole probe.
 */
export async function presentOf(
  world: World,
  {
    examined,
    record,
    points,
    findings: weighed,
  }: {
    readonly examined: Examined;
    readonly record: SourceRecord | null;
    readonly points: readonly ObservedPoint[];
    readonly findings: readonly Finding[];
  },
): Promise<Present> {
  const { bundle, leaf, findings } = examined.examination;
  const seen = distinct(points.flatMap((point) => presentBundle(point) ?? []));
  const others = seen.filter(
    ({ bundle256 }) => bundle256 !== bundle?.bundle256,
  );
  if (others.length > 0) {
    const isCompared = weighed.some(
      ({ severity }) => severity === "regression",
    );
    const faults = isCompared
      ? await faultsOf(world, others, [
          ...knownIssuersOf(record),
          ...examined.issuers,
        ])
      : [];
    return presentServed(others, faults);
  }
  if (points.some(({ sight }) => sight.verdict === "broken"))
    return { kind: "broken" };
  if (seen.length > 0 && leaf !== null) {
    return {
      kind: "known",
      source: "served",
      regressions: new Set(findings.map(findingIdentity)),
      ...validityOf(leaf),
    };
  }
  return presentDeployed(record);
}

export function presentLeaves(
  record: SourceRecord | null,
  points: readonly ObservedPoint[],
): readonly Certificate[] {
  const seen = points.flatMap((point) => presentBundle(point)?.leaf ?? []);
  if (seen.length > 0 || record?.deployed == null) return seen;
  const deployed = certificateFromDer(
    Buffer.from(record.deployed.leaf, "base64"),
  );
  return deployed === null ? [] : [deployed];
}

function distinct(bundles: readonly Bundle[]): readonly Bundle[] {
  return [
    ...new Map(bundles.map((bundle) => [bundle.bundle256, bundle])).values(),
  ];
}

/** The identities of the regressions that all of the bundles suffer from. */
async function faultsOf(
  world: World,
  bundles: readonly Bundle[],
  knownIssuers: readonly Uint8Array[],
): Promise<readonly string[]> {
  const roots = await world.roots();
  const faults = await pMap(bundles, async (bundle) => {
    const findings = await judgeServed(bundle, {
      now: world.now(),
      roots,
      knownIssuers,
      temporaryDir: world.settings.runDir,
      signal: world.signal,
    });
    return new Set(findings.map(findingIdentity));
  });
  return [...(faults[0] ?? [])].filter((fault) =>
    faults.every((one) => one.has(fault)),
  );
}

function presentServed(
  bundles: readonly Bundle[],
  regressions: readonly string[],
): Present {
  const first = bundles
    .map(({ leaf }) => leaf)
    .sort((one, other) => one.notAfter.getTime() - other.notAfter.getTime())[0];
  if (first === undefined) return { kind: "unknown" };
  return {
    kind: "known",
    source: "served",
    regressions: new Set(regressions),
    ...validityOf(first),
  };
}

function presentDeployed(record: SourceRecord | null): Present {
  if (record?.deployed == null) return { kind: "unknown" };
  const { regressions, notBefore, notAfter } = record.deployed;
  return {
    kind: "known",
    source: "deployed",
    regressions: new Set(regressions),
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
  };
}

function validityOf({ notBefore, notAfter }: Certificate): {
  notBefore: Date;
  notAfter: Date;
} {
  return { notBefore, notAfter };
}
