/** Which certificate sources of a target a run is about, and whose they are. */
import { dirname, join } from "node:path";
import { findArchivedCopy, isOutdated } from "../adapters/certbot/archive.ts";
import { lineageOfPath } from "../adapters/certbot/lineage-of-path.ts";
import { listLineages } from "../adapters/certbot/lineages.ts";
import { readLeaf } from "../adapters/tls/leaf.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import type { CertificateSource, NginxModel } from "../core/nginx/model.ts";
import { certificateSources, isLegible } from "../core/nginx/sources.ts";
import type { Target } from "../ports.ts";
import type { Candidate } from "./assess.ts";
import type { SourceFiles } from "./examine.ts";
import type { Scope, World } from "./world.ts";

/** The lineages of a scope: the named ones, or all that exist. */
export async function lineagesOf(
  world: World,
  scope: Scope,
): Promise<readonly Lineage[]> {
  if (scope.kind === "named") return scope.lineages;
  return (await listLineages(world.settings.certbotDir)).lineages;
}

/** What a hook or a person names is read as a lineage, whether Nginx uses it or not. */
export function lineageFiles(lineage: Lineage): SourceFiles {
  return {
    certificate: join(lineage.path, "fullchain.pem"),
    key: join(lineage.path, "privkey.pem"),
    passwordFile: null,
    lineage,
    securityLevel: null,
  };
}

/**
 * Every source that a certificate of Certbot's could be, each with its lineage: all that the model hands out, and of the
 * others those that are a lineage's.
 */
export function candidatesOf(
  world: World,
  target: Target,
  model: NginxModel,
  lineages: readonly Lineage[],
): readonly Candidate[] {
  return loadedCandidates(world, target, model, lineages).filter(isOfInterest);
}

/** The same, with what is known to be a copy of a lineage's certificate or stands in the way of a renewal. */
export async function markedCandidates(
  world: World,
  target: Target,
  model: NginxModel,
  known: {
    readonly lineages: readonly Lineage[];
    /** Certificate files that a person took back to an earlier version. */
    readonly meantToBeOld: ReadonlySet<string>;
  },
): Promise<readonly Candidate[]> {
  const { lineages, meantToBeOld } = known;
  const loaded = loadedCandidates(world, target, model, lineages);
  const marked = await markCopies(loaded, lineages, meantToBeOld);
  return markObstructions(target, marked.filter(isOfInterest));
}

/** Of what Nginx hands to no client (to an upstream, to trust in) only what Certbot renews. */
function isOfInterest({ lineage, source }: Candidate): boolean {
  return lineage !== null || (source?.servers.length ?? 0) > 0;
}

/**
 * Every source that the model loads, each with its lineage. The known lineages come first, since a hook's may lie elsewhere
 * than below `live/`.
 */
function loadedCandidates(
  world: World,
  target: Target,
  model: NginxModel,
  lineages: readonly Lineage[],
): readonly Candidate[] {
  const known = new Map(lineages.map((lineage) => [lineage.path, lineage]));
  const candidatesFor = (
    source: CertificateSource,
  ): readonly UsedCandidate[] => {
    const files = localFiles(target, model, source);
    if (files === null) return [];
    if (isPattern(source)) return matchingLineages(source, files, lineages);
    const lineage =
      known.get(dirname(files.certificate)) ??
      lineageOfPath(files.certificate, world.settings.certbotDir);
    return [candidate(source, { ...files, lineage })];
  };
  const serving = certificateSources(model).flatMap(candidatesFor);
  const named = serving.filter(({ source }) => !isPattern(source));
  const others = withoutThoseOf(
    named,
    unservedSources(model).flatMap(candidatesFor),
  );
  const matched = serving.filter(({ source }) => isPattern(source));
  return [
    ...named,
    ...withoutThoseOf([...named, ...others], matched),
    ...others,
  ];
}

/** What is known for certain of a lineage counts, not what a path with a variable might lead to. */
function withoutThoseOf(
  known: readonly Candidate[],
  candidates: readonly UsedCandidate[],
): readonly UsedCandidate[] {
  const paths = new Set(known.flatMap(({ lineage }) => lineage?.path ?? []));
  return candidates.filter(
    ({ lineage }) => lineage === null || !paths.has(lineage.path),
  );
}

function candidate(
  source: CertificateSource,
  files: SourceFiles,
): UsedCandidate {
  return {
    files,
    lineage: files.lineage,
    source,
    isOutdatedCopy: false,
    supersededBy: null,
    obstruction: null,
  };
}

/** A candidate that Nginx's configuration names. */
type UsedCandidate = Candidate & { readonly source: CertificateSource };

/** The path of the certificate or its key holds a variable, so no single file has that name. */
export function isPattern({
  certificate,
  key,
  dynamic,
}: Pick<CertificateSource, "certificate" | "key" | "dynamic">): boolean {
  return dynamic && `${certificate} ${key ?? ""}`.includes("$");
}

/** The lineages that a path like `live/$ssl_server_name/fullchain.pem` can lead to; the pattern itself without any. */
function matchingLineages(
  source: CertificateSource,
  files: Omit<SourceFiles, "lineage">,
  lineages: readonly Lineage[],
): readonly UsedCandidate[] {
  const words = files.certificate.split(/\$(?:\{\w+\}|\w+)/);
  const pattern = new RegExp(`^${words.map(escaped).join("[^/]+")}$`, "s");
  const matching = lineages
    .map(lineageFiles)
    .filter(({ certificate }) => pattern.test(certificate));
  return matching.length === 0
    ? [candidate(source, { ...files, lineage: null })]
    : matching.map((own) => candidate(source, own));
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

/** Certificates that Nginx loads for other ends than to hand them out (`proxy_ssl_certificate`, …). */
function unservedSources(model: NginxModel): readonly CertificateSource[] {
  return model.references
    .filter(
      ({ directive, inline, certificate }) =>
        directive !== "ssl_certificate" && !inline && isLegible(certificate),
    )
    .map(({ certificate, key, file, line, dynamic }) => ({
      id: key === null ? certificate : `${certificate} ${key}`,
      certificate,
      key,
      passwordFile: null,
      dynamic,
      servers: [],
      file,
      line,
    }));
}

/** null: its certificate cannot be reached from here. A key that cannot is not asked for. */
function localFiles(
  target: Target,
  model: NginxModel,
  { certificate, key, passwordFile, servers }: CertificateSource,
): Omit<SourceFiles, "lineage"> | null {
  const local = (path: string | null): string | null =>
    path === null ? null : target.localPath(path);
  const localCertificate = local(certificate);
  if (localCertificate === null) return null;
  return {
    certificate: localCertificate,
    key: local(key),
    passwordFile: local(passwordFile),
    securityLevel: securityLevelOf(model, servers),
  };
}

/** The lowest `@SECLEVEL` that a block of the source asks for; null: OpenSSL's default. */
function securityLevelOf(
  model: NginxModel,
  serverIds: readonly string[],
): number | null {
  const levels = model.servers
    .filter(({ id }) => serverIds.includes(id))
    .map(({ ciphers }) => /@SECLEVEL=([0-5])/.exec(ciphers ?? "")?.[1])
    .map((level) => (level === undefined ? null : Number(level)));
  const given = levels.filter((level) => level !== null);
  return given.length === 0 ? null : Math.min(...given);
}

/**
 * Sources that are no lineage's own files, compared with all versions of these lineages. A copy of the present version is
 * that lineage's too: whoever names the lineage means every place where Nginx loads it.
 */
async function markCopies(
  candidates: readonly Candidate[],
  lineages: readonly Lineage[],
  meantToBeOld: ReadonlySet<string>,
): Promise<readonly Candidate[]> {
  return Promise.all(
    candidates.map(async (candidate) => {
      if (candidate.lineage !== null || candidate.source?.dynamic !== false)
        return candidate;
      const copied = await findArchivedCopy(
        candidate.files.certificate,
        lineages,
      );
      if (copied === null) return candidate;
      const isOutdatedCopy =
        isOutdated(copied) && !meantToBeOld.has(candidate.files.certificate);
      return {
        ...candidate,
        lineage: copied.lineage,
        isOutdatedCopy,
        supersededBy: isOutdatedCopy
          ? await readLeaf(lineageFiles(copied.lineage).certificate)
          : null,
      };
    }),
  );
}

/** Those that Nginx loads from where a renewal does not reach. */
async function markObstructions(
  target: Target,
  candidates: readonly Candidate[],
): Promise<readonly Candidate[]> {
  return Promise.all(
    candidates.map(async (candidate) => {
      const { source } = candidate;
      if (source === null || source.dynamic) return candidate;
      const obstruction =
        (await target.obstruction(source.certificate)) ??
        (source.key === null ? null : await target.obstruction(source.key));
      return { ...candidate, obstruction };
    }),
  );
}

/** Splits the sources of a target into those that the run is about and all others. */
export function inScope(
  candidates: readonly Candidate[],
  scope: Scope,
): {
  readonly about: readonly Candidate[];
  readonly others: readonly Candidate[];
} {
  if (scope.kind === "all") return { about: candidates, others: [] };
  const paths = new Set(scope.lineages.map(({ path }) => path));
  const certificates = new Set(scope.certificates);
  const isAbout = ({ lineage, files }: Candidate): boolean =>
    (lineage !== null && paths.has(lineage.path)) ||
    certificates.has(files.certificate);
  return {
    about: candidates.filter(isAbout),
    others: candidates.filter((candidate) => !isAbout(candidate)),
  };
}

/** Lineages that the target does not use at all. */
export function unusedLineages(
  candidates: readonly Candidate[],
  lineages: readonly Lineage[],
): readonly Candidate[] {
  const used = new Set(candidates.map(({ lineage }) => lineage?.path));
  return lineages
    .filter(({ path }) => !used.has(path))
    .map((lineage) => ({
      files: lineageFiles(lineage),
      lineage,
      source: null,
      isOutdatedCopy: false,
      supersededBy: null,
      obstruction: null,
    }));
}
