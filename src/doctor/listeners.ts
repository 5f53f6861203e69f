/** Do the addresses at which Nginx hands out certificates answer from here? What they hand out is `status`'s to say. */
import pMap from "p-map";
import { readLeaf } from "../adapters/tls/leaf.ts";
import { covers } from "../adapters/tls/covers.ts";
import { probe, type Observation } from "../adapters/tls/probe.ts";
import { keyAlgorithmOf } from "../core/certificate/key-type.ts";
import type {
  CertificateSource,
  NginxModel,
  ProbePoint,
  UnprobeablePoint,
} from "../core/nginx/model.ts";
import { probePoints } from "../core/nginx/points.ts";
import { certificateSources } from "../core/nginx/sources.ts";
import {
  counted,
  fewOf,
  ok,
  problem,
  unknown,
  warning,
  type Check,
  type Diagnosis,
} from "./check.ts";
import type { Machine, NginxView } from "./machine.ts";
import { filesNotLoaded } from "./nginx.ts";
import { reloadCommand, type Surroundings } from "./remedies.ts";

export const listenerChecks: readonly Check[] = [
  {
    group: "nginx",
    name: "listeners",
    looksAt:
      "whether each address at which Nginx hands out a certificate file answers from this machine",
    look: lookAtListeners,
  },
];

/** One look at one address. */
export interface Answer {
  readonly point: ProbePoint;
  readonly observation: Observation;
  /** Whether the socket that answered is this Nginx's; null: cannot be told. */
  readonly isOurs: boolean | null;
}

async function lookAtListeners(
  machine: Machine,
): Promise<readonly Diagnosis[]> {
  const view = await machine.nginx();
  const { model } = view;
  if (model === null)
    return [unknown("which addresses there are could not be asked")];
  const plans = await Promise.all(
    certificateSources(model).map((source) => plan(machine, model, source)),
  );
  const points = onePerAddress(plans.flatMap((one) => one.points));
  const answers = await pMap(points, (point) => ask(machine, view, point), {
    concurrency: machine.settings.limits.probesAtOnce,
  });
  const hidden = plans.flatMap((one) => one.unprobeable);
  const wrong = answers.flatMap((answer) => judgeAnswer(machine, view, answer));
  const fine = answers.length - wrong.length;
  return [
    ...wrong,
    ...(fine > 0 ? [ok(`${counted(fine, "TLS listener")} answered`)] : []),
    ...(hidden.length > 0 ? [describeHidden(hidden)] : []),
    ...(answers.length + hidden.length === 0
      ? [warning("Nginx hands out no certificate file at all", "livecert uses")]
      : []),
  ];
}

/** Without a certificate that can be read, any name of the block will do to see whether the address answers. */
async function plan(
  { host }: Machine,
  model: NginxModel,
  source: CertificateSource,
): Promise<ReturnType<typeof probePoints>> {
  const leaf = source.dynamic ? null : await readLeaf(source.certificate);
  return probePoints(model, source, {
    covers: (name) => leaf === null || covers(leaf, name),
    subjectAltNames: leaf?.subjectAltNames ?? [],
    keyAlgorithm: keyAlgorithmOf(leaf?.keyType ?? ""),
    // Whichever of the block's certificates is handed out shows that the address answers.
    hasSameSlot: () => false,
    localAddresses: host.localAddresses(),
  });
}

function onePerAddress(points: readonly ProbePoint[]): readonly ProbePoint[] {
  return [
    ...new Map(
      points.toReversed().map((point) => [point.address, point]),
    ).values(),
  ].toReversed();
}

async function ask(
  { host, settings, signal }: Machine,
  { state }: NginxView,
  point: ProbePoint,
): Promise<Answer> {
  const { connectMs, handshakeMs } = settings.limits;
  let isOurs: boolean | null = null;
  const observation = await probe(point, {
    connectMs,
    handshakeMs,
    signal,
    whileOpen: async (_, ends) => {
      if (state.kind !== "running") return;
      isOurs = await host.answers(point, ends, state.generation.master);
    },
  });
  return { point, observation, isOurs };
}

/** Nothing where the address answers as it should. */
export function judgeAnswer(
  machine: Surroundings,
  view: Pick<NginxView, "state" | "files" | "found">,
  { point, observation, isOurs }: Answer,
): readonly Diagnosis[] {
  const { address, serverId } = point;
  switch (observation.kind) {
    case "served":
      return isOurs === false
        ? [
            warning(
              `${address} is answered by another program, not by this Nginx, which listens there by ${serverId}`,
              showListeners(address),
            ),
          ]
        : [];
    case "refused":
      return [
        problem(
          `${address} (${serverId}) refuses TLS with ${point.servername ?? "no name"}: ${observation.message}`,
          "livecert deploy",
        ),
      ];
    case "unreachable": {
      const nothing = `nothing answers at ${address} in TLS (${observation.message}), where ${serverId} listens`;
      return filesNotLoaded(view).length > 0
        ? [
            problem(
              `${nothing}; the configuration is newer than the workers`,
              reloadCommand(machine, view),
            ),
          ]
        : [problem(nothing, showListeners(address))];
    }
  }
}

function showListeners(address: string): string {
  const port = /:(\d+)$/.exec(address)?.[1];
  return port === undefined || address.startsWith("unix:")
    ? "ss -xlp"
    : `ss -tlnp 'sport = :${port}'`;
}

/** Not wrong, only not to be seen. */
function describeHidden(hidden: readonly UnprobeablePoint[]): Diagnosis {
  const words = hidden.map(
    ({ listener, reason, serverId }) => `${listener} (${serverId}): ${reason}`,
  );
  return unknown(`not tried: ${fewOf([...new Set(words)])}`);
}
