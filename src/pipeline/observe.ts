/**
 * Probes: what a client is handed at each point of a source, compared with what is on disk. A point that cannot be judged
 * is unverified with its reason, never stale: a check that cries wolf is switched off.
 */
import pMap from "p-map";
import { probe, type Observation } from "../adapters/tls/probe.ts";
import type { Bundle } from "../core/certificate/certificate.ts";
import type { Evidence, Served } from "../core/decision/decide.ts";
import type { ProbePoint, UnprobeablePoint } from "../core/nginx/model.ts";
import type { ConnectionEnds } from "../ports.ts";
import type { ProbePlan } from "./probe-plan.ts";
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
    const reason = editOf(plan, point, null) ?? observation.message;
    return { verdict: "unverified", bundle: null, isPresent: false, reason };
  }
  const bundle = observation.kind === "served" ? observation.bundle : null;
  if (bundle?.bundle256 === plan.expected.bundle256)
    return { verdict: "live", bundle };
  const doubt = doubtAbout(plan, point, { bundle, isOurs });
  if (doubt !== null)
    return { verdict: "unverified", bundle, isPresent: false, reason: doubt };
  if (observation.kind === "refused")
    return { verdict: "broken", reason: observation.message };
  return { verdict: "stale", bundle: observation.bundle };
}

/** Why nothing of the source may be served at the point; null where nothing speaks for that. */
function editOf(
  plan: ProbePlan,
  { id }: ProbePoint,
  seen: Bundle | null,
): string | null {
  if (plan.notLoaded.has(id))
    return "not loaded yet: only the configuration on disk has this server block";
  // Another version of the same certificate shows that the block is there.
  return plan.supposedNotLoaded.has(id) && !isLike(seen, plan.expected)
    ? "perhaps not loaded yet: the file of this server block was edited, and what Nginx runs is not known"
    : null;
}

function isLike(seen: Bundle | null, { leaf }: Bundle): boolean {
  const names = (one: readonly string[]): string => one.toSorted().join(" ");
  return (
    seen !== null &&
    names(seen.leaf.subjectAltNames) === names(leaf.subjectAltNames)
  );
}

/** The point is one that Nginx does not have yet, or seems not to have. */
export function isOnlyInEdit(
  plan: ProbePlan | null,
  { point, sight }: ObservedPoint,
): boolean {
  return (
    plan !== null &&
    point !== null &&
    (plan.notLoaded.has(point.id) ||
      (plan.supposedNotLoaded.has(point.id) && sight.verdict === "unverified"))
  );
}

function doubtAbout(
  plan: ProbePlan,
  point: ProbePoint,
  {
    bundle,
    isOurs,
  }: { readonly bundle: Bundle | null; readonly isOurs: boolean | null },
): string | null {
  const edit = editOf(plan, point, bundle);
  if (edit !== null) return edit;
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
