/**
 * Probes: what a client is handed at each point of a source, compared with what is on disk. A point that cannot be judged
 * is unverified with its reason, never stale: a check that cries wolf is switched off.
 */
import pMap from "p-map";
import { readNow } from "../adapters/files/read-file.ts";
import { readCertificates } from "../adapters/tls/certificate.ts";
import { covers } from "../adapters/tls/covers.ts";
import { probe, type Observation } from "../adapters/tls/probe.ts";
import type { Bundle, KeyAlgorithm } from "../core/certificate/certificate.ts";
import type { Evidence, Served } from "../core/decision/decide.ts";
import type { Generation } from "../core/decision/record.ts";
import type {
  CertificateSource,
  NginxModel,
  ProbePoint,
  UnprobeablePoint,
} from "../core/nginx/model.ts";
import { probePoints } from "../core/nginx/points.ts";
import { selectServer, serverById } from "../core/nginx/selection.ts";
import { keyFamily } from "../core/validation/pair.ts";
import type { ConnectionEnds, Target } from "../ports.ts";
import type { World } from "./world.ts";

/** What was seen at one point. */
export type Sight =
  | { readonly verdict: "live"; readonly bundle: Bundle }
  | { readonly verdict: "stale"; readonly bundle: Bundle }
  /** Nginx itself refuses every handshake here. */
  | { readonly verdict: "broken"; readonly reason: string }
  | {
      readonly verdict: "unverified";
      readonly bundle: Bundle | null;
      /** The bundle is this very Nginx's: what clients are handed at present. */
      readonly isPresent: boolean;
      readonly reason: string;
    };

export interface ObservedPoint {
  readonly target: string;
  readonly address: string;
  readonly servername: string | null;
  readonly serverId: string;
  /** null where no handshake could be tried. */
  readonly point: ProbePoint | null;
  readonly sight: Sight;
}

/** Where one source must be seen. */
export interface ProbePlan {
  readonly target: Target;
  readonly generation: Generation;
  readonly expected: Bundle;
  readonly points: readonly ProbePoint[];
  readonly unprobeable: readonly UnprobeablePoint[];
  /** All names of the source's blocks. */
  readonly serverNames: readonly string[];
  /** By a block that does not spell the name out. */
  isServedByPattern(name: string): boolean;
  /** Points that only the configuration on disk has. */
  readonly notLoaded: ReadonlySet<string>;
}

export function planProbes(input: {
  readonly target: Target;
  readonly generation: Generation;
  readonly model: NginxModel;
  readonly loadedModel: NginxModel | null;
  /** Of the configuration, that Nginx has not loaded. */
  readonly pendingFiles: ReadonlySet<string>;
  readonly source: CertificateSource;
  readonly expected: Bundle;
}): ProbePlan {
  const { target, generation, model, loadedModel, source, expected } = input;
  const planned = probePoints(model, source, {
    covers: (name) => covers(expected.leaf, name),
    subjectAltNames: expected.leaf.subjectAltNames,
    keyAlgorithm: keyAlgorithmOf(expected.leaf.keyType),
    hasSameSlot: (certificate) =>
      keyFamilyAt(target, certificate) === keyFamily(expected.leaf.keyType),
    localAddresses: target.localAddresses(),
  });
  const { points, unprobeable, serverNames } = planned;
  const notLoaded = points.filter((point) =>
    loadedModel === null
      ? isWrittenIn(input.pendingFiles, model, point, source)
      : !isAnsweredBy(loadedModel, model, point, source),
  );
  return {
    target,
    generation,
    expected,
    points,
    unprobeable,
    serverNames,
    isServedByPattern: (name) => planned.isServedByPattern(name),
    notLoaded: new Set(notLoaded.map(({ id }) => id)),
  };
}

/** Only the configuration on disk has this point. */
export function isNotLoaded(
  plan: ProbePlan | null,
  point: ObservedPoint["point"],
): boolean {
  return point !== null && plan?.notLoaded.has(point.id) === true;
}

/** null where the file cannot be read here. */
function keyFamilyAt(target: Target, certificate: string): string | null {
  const path = target.localPath(certificate);
  const content = path === null ? null : readNow(path);
  const found = content === null ? null : readCertificates(content);
  const leaf = found?.kind === "read" ? found.certificates[0] : undefined;
  return leaf === undefined ? null : keyFamily(leaf.keyType);
}

function keyAlgorithmOf(keyType: string): KeyAlgorithm {
  if (keyType.startsWith("rsa")) return "rsa";
  return keyType.startsWith("ec") ? "ecdsa" : "eddsa";
}

/** Whether what makes the point stands in one of these files, which is all that can be told of an unknown configuration. */
function isWrittenIn(
  files: ReadonlySet<string>,
  model: NginxModel,
  { serverId }: ProbePoint,
  { certificate }: CertificateSource,
): boolean {
  const server = serverById(model, serverId);
  return (
    server !== undefined &&
    (files.has(server.file) ||
      server.pairs.some(
        (pair) => pair.certificate === certificate && files.has(pair.file),
      ))
  );
}

/** Whether the configuration that Nginx runs hands out this source at this point too. */
function isAnsweredBy(
  loaded: NginxModel,
  model: NginxModel,
  point: ProbePoint,
  source: CertificateSource,
): boolean {
  const context =
    model.servers.find(({ id }) => id === point.serverId)?.context ?? "http";
  const selected = selectServer(loaded, {
    context,
    address: point.listener,
    servername: point.servername,
  });
  return (
    selected.kind === "server" &&
    selected.server.pairs.some(
      (pair) => pair.certificate === source.certificate,
    )
  );
}

/** Probes every point of all plans, a bounded number at once; the results come in the order of the plans. */
export async function observe(
  world: World,
  plans: readonly ProbePlan[],
  options: { readonly times: number },
): Promise<readonly (readonly ObservedPoint[])[]> {
  const jobs = plans.flatMap((plan) => [
    ...plan.points.map((point) => ({
      plan,
      look: () => observePoint(world, plan, point, options.times),
    })),
    ...plan.unprobeable.map((point) => ({
      plan,
      look: () => observeUnprobeable(world, plan, point),
    })),
  ]);
  const seen = await pMap(
    jobs,
    async ({ plan, look }) => ({ plan, observed: await look() }),
    { concurrency: world.settings.limits.probesAtOnce, signal: world.signal },
  );
  const byPlan = new Map(plans.map((plan) => [plan, [] as ObservedPoint[]]));
  for (const { plan, observed } of seen) byPlan.get(plan)?.push(observed);
  return plans.map((plan) => byPlan.get(plan) ?? []);
}

/** What is handed out at such a place proves nothing about the certificate on disk, but tells what it would replace. */
async function observeUnprobeable(
  world: World,
  plan: ProbePlan,
  { listener, servername, serverId, reason, look: point }: UnprobeablePoint,
): Promise<ObservedPoint> {
  const seen = point === null ? null : await look(world, plan, point);
  const isPresent = seen?.verdict === "live" || seen?.verdict === "stale";
  return {
    target: plan.target.name,
    address: listener,
    servername,
    serverId,
    point: null,
    sight: {
      verdict: "unverified",
      bundle: isPresent ? seen.bundle : null,
      isPresent,
      reason,
    },
  };
}

/** What was seen of the same point after a reload; null where it was not looked at again. */
export function seenAgain(
  before: ObservedPoint,
  after: readonly ObservedPoint[] | null,
): ObservedPoint | null {
  return (
    after?.find(
      (one) =>
        one.point?.id === before.point?.id &&
        one.address === before.address &&
        one.servername === before.servername,
    ) ?? null
  );
}

/** What this very Nginx hands to clients at the point; null where that was not seen. */
export function presentBundle({ sight }: ObservedPoint): Bundle | null {
  switch (sight.verdict) {
    case "live":
    case "stale":
      return sight.bundle;
    case "unverified":
      return sight.isPresent ? sight.bundle : null;
    case "broken":
      return null;
  }
}

/** After a reload workers of both generations may accept for a moment, so the worst of several looks counts. */
async function observePoint(
  world: World,
  plan: ProbePlan,
  point: ProbePoint,
  times: number,
): Promise<ObservedPoint> {
  let sight = await look(world, plan, point);
  for (let again = 1; again < times && sight.verdict === "live"; again++)
    sight = await look(world, plan, point);
  const { servername, serverId } = point;
  return {
    target: plan.target.name,
    address: askedAddress(plan, point),
    servername,
    serverId,
    point,
    sight,
  };
}

/** Where the probe connects; the listener's own address where it cannot. */
function askedAddress(
  { target, generation }: ProbePlan,
  { address }: ProbePoint,
): string {
  const reached = target.reach(address, generation.master);
  const isSocket = address.startsWith("unix:");
  return reached.kind === "reachable" && !isSocket ? reached.address : address;
}

async function look(
  world: World,
  plan: ProbePlan,
  point: ProbePoint,
): Promise<Sight> {
  const { limits } = world.settings;
  let isOurs: boolean | null = null;
  const { target, generation } = plan;
  const reached = target.reach(point.address, generation.master);
  if (reached.kind === "unreachable")
    return {
      verdict: "unverified",
      bundle: null,
      isPresent: false,
      reason: reached.reason,
    };
  const { address } = reached;
  const observation = await world.stopwatch.sample("probe", () =>
    probe(
      { ...point, address },
      {
        connectMs: limits.connectMs,
        handshakeMs: limits.handshakeMs,
        signal: world.signal,
        whileOpen: async (bundle: Bundle, ends: ConnectionEnds | null) => {
          if (bundle.bundle256 === plan.expected.bundle256) return;
          isOurs = await target.answers(point, ends, generation.master);
        },
      },
    ),
  );
  if (observation.kind === "refused") {
    isOurs = await target.answers(point, observation.ends, generation.master);
  }
  return judge(plan, point, observation, isOurs);
}

function judge(
  plan: ProbePlan,
  point: ProbePoint,
  observation: Observation,
  isOurs: boolean | null,
): Sight {
  if (observation.kind === "unreachable") {
    const reason = plan.notLoaded.has(point.id)
      ? notLoadedYet
      : observation.message;
    return { verdict: "unverified", bundle: null, isPresent: false, reason };
  }
  const bundle = observation.kind === "served" ? observation.bundle : null;
  if (bundle?.bundle256 === plan.expected.bundle256)
    return { verdict: "live", bundle };
  const doubt = doubtAbout(plan, point, isOurs);
  if (doubt !== null)
    return { verdict: "unverified", bundle, isPresent: false, reason: doubt };
  if (observation.kind === "refused")
    return { verdict: "broken", reason: observation.message };
  return { verdict: "stale", bundle: observation.bundle };
}

const notLoadedYet =
  "not loaded yet: only the configuration on disk has this server block";

function doubtAbout(
  plan: ProbePlan,
  point: ProbePoint,
  isOurs: boolean | null,
): string | null {
  if (plan.notLoaded.has(point.id)) return notLoadedYet;
  if (point.doubt !== null) return point.doubt;
  if (isOurs === false)
    return "answered by someone else: the socket belongs to another program";
  if (isOurs === null) return "answered by a socket whose owner cannot be told";
  return null;
}

/** The three cases that decide needs, of all points of one source. */
export function servedOf(
  points: readonly ObservedPoint[],
  evidence: Evidence,
): Served {
  const verdicts = new Set(points.map(({ sight }) => sight.verdict));
  if (verdicts.has("stale") || verdicts.has("broken"))
    return { kind: "different" };
  return verdicts.has("live") ? { kind: "same" } : { kind: "unseen", evidence };
}
