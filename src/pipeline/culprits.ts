/** Nginx's test fails: which certificate source its words are about, told in terms of the user's files. */
import pMap from "p-map";
import { lineageOfPath } from "../adapters/certbot/lineage-of-path.ts";
import type { Culprit } from "../core/report/explain.ts";
import type { Candidate } from "./assess.ts";
import { lineageFiles } from "./candidates.ts";
import type { Discovery } from "./discover.ts";
import { examineSource, sourceId, type SourceFiles } from "./examine.ts";
import type { TargetRun } from "./target-run.ts";

/** Only sources with a fatal fault of their own; Nginx stops at the first, so there is seldom more than one. */
export async function findCulprits(
  run: TargetRun,
  { configuration, errors }: Discovery,
  candidates: readonly Candidate[],
): Promise<readonly Culprit[]> {
  if (configuration !== "refused") return [];
  const paths = new Set(errors.flatMap(namedFiles));
  const suspects = [...paths].map((path) => suspectAt(run, candidates, path));
  const found = await pMap(distinct(suspects), (files) => accuse(run, files), {
    concurrency: 4,
  });
  return found.filter((one) => one !== null);
}

/**
 * `cannot load certificate "F": …`, `cannot load certificate key "F": …`, `SSL_CTX_use_PrivateKey("F") failed …`.
 * Source: ngx_ssl_certificate() in https://github.com/nginx/nginx/blob/release-1.22.1/src/event/ngx_event_openssl.c
 */
function namedFiles(line: string): readonly string[] {
  const pattern =
    /(?:cannot load certificate(?: key)? |SSL_CTX_use_\w+\()"(\/[^"]+)"/g;
  return [...line.matchAll(pattern)].map(([, path = ""]) => path);
}

/** As the last good configuration pairs it; a file that this one does not know is a lineage's or stands alone. */
function suspectAt(
  { world }: TargetRun,
  candidates: readonly Candidate[],
  path: string,
): SourceFiles {
  const source = candidates.find(
    ({ files }) => files.certificate === path || files.key === path,
  );
  if (source !== undefined) return source.files;
  const lineage = lineageOfPath(path, world.settings.certbotDir);
  if (lineage !== null) return lineageFiles(lineage);
  return {
    certificate: path,
    key: null,
    passwordFile: null,
    lineage: null,
    securityLevel: null,
  };
}

function distinct(suspects: readonly SourceFiles[]): readonly SourceFiles[] {
  return [...new Map(suspects.map((one) => [sourceId(one), one])).values()];
}

async function accuse(
  { world, request, examined }: TargetRun,
  files: SourceFiles,
): Promise<Culprit | null> {
  const { label, examination } =
    examined.get(sourceId(files)) ??
    (await examineSource(world, files, {
      record: null,
      patience: { settleMs: request.settleMs, secondLook: "needed" },
      knownIssuers: [],
    }));
  const fault = examination.findings.find(
    ({ severity }) => severity === "fatal",
  );
  if (fault === undefined) return null;
  return { label, message: fault.message, hint: fault.hint };
}
