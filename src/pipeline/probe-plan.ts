/** Where a source of this Nginx must be seen, and which of these places Nginx cannot have loaded yet. */
import { covers } from "../adapters/tls/covers.ts";
import { readLeafNow } from "../adapters/tls/leaf.ts";
import type { Bundle } from "../core/certificate/certificate.ts";
import { keyAlgorithmOf, keyFamily } from "../core/certificate/key-type.ts";
import type { Generation } from "../core/decision/record.ts";
import type {
  CertificateSource,
  NginxModel,
  ProbePoint,
  UnprobeablePoint,
} from "../core/nginx/model.ts";
import { probePoints } from "../core/nginx/points.ts";
import { selectServer, serverById } from "../core/nginx/selection.ts";
import type { Target } from "../ports.ts";

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
  /** Ids of points that only the configuration on disk has. */
  readonly notLoaded: ReadonlySet<string>;
  /** The same of points of which that can only be supposed, since what Nginx runs is not known. */
  readonly supposedNotLoaded: ReadonlySet<string>;
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
  const { target, generation, model, source, expected } = input;
  const { loadedModel, pendingFiles } = input;
  const planned = probePoints(model, source, {
    covers: (name) => covers(expected.leaf, name),
    subjectAltNames: expected.leaf.subjectAltNames,
    keyAlgorithm: keyAlgorithmOf(expected.leaf.keyType),
    hasSameSlot: (certificate) =>
      keyFamilyAt(target, certificate) === keyFamily(expected.leaf.keyType),
    localAddresses: target.localAddresses(),
  });
  const { points, unprobeable, serverNames } = planned;
  const idsOf = (given: readonly ProbePoint[]): ReadonlySet<string> =>
    new Set(given.map(({ id }) => id));
  const notLoaded =
    loadedModel === null
      ? []
      : points.filter(
          (point) => !isAnsweredBy(loadedModel, model, point, source),
        );
  const edited =
    loadedModel === null
      ? points.filter((point) =>
          isWrittenIn(pendingFiles, model, point, source),
        )
      : [];
  return {
    target,
    generation,
    expected,
    points,
    unprobeable,
    serverNames,
    isServedByPattern: (name) => planned.isServedByPattern(name),
    notLoaded: idsOf(notLoaded),
    supposedNotLoaded: idsOf(edited),
  };
}

/** null where the file cannot be read here. */
function keyFamilyAt(target: Target, certificate: string): string | null {
  const path = target.localPath(certificate);
  const leaf = path === null ? null : readLeafNow(path);
  return leaf === null ? null : keyFamily(leaf.keyType);
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
