/** Certificate files: can they be read, are their keys guarded, and does Nginx use them? */
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import pMap from "p-map";
import { lineageOfPath } from "../adapters/certbot/lineage-of-path.ts";
import { identifyFile } from "../adapters/files/read-file.ts";
import type { FileIdentity } from "../core/lineage/lineage.ts";
import type { NginxModel } from "../core/nginx/model.ts";
import { certificateSources } from "../core/nginx/sources.ts";
import {
  counted,
  foundOr,
  ok,
  problem,
  unknown,
  warning,
  type Check,
  type Diagnosis,
} from "./check.ts";
import { lineagesInCopies } from "./copies.ts";
import type { Machine } from "./machine.ts";
import { asRoot, quoted } from "./remedies.ts";

export const certificateChecks: readonly Check[] = [
  {
    group: "certificates",
    name: "directory",
    looksAt: "Certbot's directory and the lineages in it",
    look: lookAtDirectory,
  },
  {
    group: "certificates",
    name: "private-keys",
    looksAt: "who may read the private keys of lineages and of Nginx",
    look: lookAtKeys,
  },
  {
    group: "certificates",
    name: "unused",
    looksAt: "lineages that no directive of Nginx's configuration names",
    look: lookAtUnused,
  },
];

async function lookAtDirectory(
  machine: Machine,
): Promise<readonly Diagnosis[]> {
  const { certbotDir } = machine.settings;
  const { lineages, problems } = await machine.lineages();
  if (problems.length > 0)
    return problems.map((text) =>
      machine.isRoot
        ? problem(text, "let root read it, or name another --certbot-dir")
        : unknown(text, asRoot),
    );
  if ((await stat(certbotDir).catch(() => null)) === null)
    return [
      problem(
        `there is no ${certbotDir}`,
        "name Certbot's directory with --certbot-dir",
      ),
    ];
  return lineages.length === 0
    ? [warning(`${certbotDir} holds no lineage yet`, "certbot certonly")]
    : [ok(`${counted(lineages.length, "lineage")} in ${certbotDir}`)];
}

/** A key file and whether others get as far as to it. */
export interface KeyAccess {
  readonly identity: FileIdentity;
  readonly isReachable: boolean;
}

const filesAtOnce = 16;

async function lookAtKeys(machine: Machine): Promise<readonly Diagnosis[]> {
  const { lineages } = await machine.lineages();
  const { model } = await machine.nginx();
  const paths = new Set([
    ...lineages.map(({ path }) => join(path, "privkey.pem")),
    ...(model === null ? [] : keysOf(model)),
  ]);
  const seen = await pMap(paths, keyAccess, { concurrency: filesAtOnce });
  const keys = onePerFile(seen.filter((key) => key !== null));
  if (keys.length === 0)
    return [
      machine.isRoot
        ? ok("there is no key file")
        : unknown("no key file could be looked at", asRoot),
    ];
  return foundOr(
    keys.flatMap(judgeKey),
    `${counted(keys.length, "key file")}, none open to everybody`,
  );
}

function keysOf(model: NginxModel): readonly string[] {
  return certificateSources(model).flatMap(({ key, dynamic }) =>
    key === null || dynamic ? [] : [key],
  );
}

async function keyAccess(path: string): Promise<KeyAccess | null> {
  const identity = await identifyFile(path);
  if (identity === null) return null;
  return { identity, isReachable: await canOthersEnter(identity.resolved) };
}

/** Every directory above it lets everybody pass. */
async function canOthersEnter(path: string): Promise<boolean> {
  for (let above = dirname(path); ; above = dirname(above)) {
    const { mode } = await stat(above);
    if ((mode & 0o001) === 0) return false;
    if (above === dirname(above)) return true;
  }
}

function onePerFile(keys: readonly KeyAccess[]): readonly KeyAccess[] {
  return [...new Map(keys.map((key) => [key.identity.resolved, key])).values()];
}

export function judgeKey({
  identity,
  isReachable,
}: KeyAccess): readonly Diagnosis[] {
  const { mode, path, resolved } = identity;
  if ((mode & 0o006) === 0) return [];
  const verb = (mode & 0o002) === 0 ? "read" : "changed";
  const open = `the private key ${path} can be ${verb} by everybody (mode ${mode.toString(8).padStart(4, "0")})`;
  const remedy = `chmod o-rw ${quoted(resolved)}`;
  return [
    isReachable
      ? problem(open, remedy)
      : warning(
          `${open}, as soon as a directory above it lets them pass`,
          remedy,
        ),
  ];
}

async function lookAtUnused(machine: Machine): Promise<readonly Diagnosis[]> {
  const { certbotDir } = machine.settings;
  const { lineages } = await machine.lineages();
  const { model } = await machine.nginx();
  if (model === null)
    return [unknown("which lineages Nginx uses could not be asked")];
  const isUsed = usersOf(model, certbotDir);
  const copied = await lineagesInCopies(machine);
  const unused = lineages.filter(
    ({ name, path }) => !isUsed(name, path) && !copied.has(path),
  );
  return foundOr(
    unused.map(({ name }) =>
      warning(
        `Nginx does not use the lineage ${name}; it is renewed for another program, or for nobody`,
        "livecert uses",
      ),
    ),
    lineages.length === 0
      ? "there is no lineage"
      : `Nginx uses ${counted(lineages.length, "lineage")}`,
  );
}

/** Also by a path with variables, which may stand for any lineage whose name fits. */
export function usersOf(
  model: Pick<NginxModel, "references">,
  certbotDir: string,
): (name: string, path: string) => boolean {
  const files = model.references.filter(({ inline }) => !inline);
  const used = new Set(
    files
      .filter(({ dynamic }) => !dynamic)
      .map(({ certificate }) => lineageOfPath(certificate, certbotDir)?.path),
  );
  const patterns = files
    .filter(({ dynamic }) => dynamic)
    .map(({ certificate }) => patternOf(certificate));
  return (name, path) =>
    used.has(path) ||
    patterns.some((pattern) =>
      ["fullchain", "cert", "chain"].some(
        (kind) =>
          pattern.test(`${path}/${kind}.pem`) ||
          pattern.test(join(certbotDir, "live", name, `${kind}.pem`)),
      ),
    );
}

/** `/etc/letsencrypt/live/$ssl_server_name/fullchain.pem`. */
function patternOf(words: string): RegExp {
  const parts = words.split(/\$(?:\{\w+\}|\w+)/);
  const escaped = parts.map((part) =>
    part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"),
  );
  return new RegExp(`^${escaped.join(".+")}$`);
}
