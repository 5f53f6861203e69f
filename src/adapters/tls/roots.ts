/** Trust roots: the system's bundle, Node's own where that does not suffice, and files that the user names. */
import { createHash } from "node:crypto";
import { LivecertError } from "../../errors.ts";
import { certificateBlocks, splitPem } from "../../core/certificate/pem.ts";
import { identifyFile, readFileBounded } from "../files/read-file.ts";

export interface TrustRoots {
  /** PEM files, each with at least one root. */
  readonly files: readonly string[];
  /** Whether Node's own roots count as well: a root is trusted if the system or Node knows it. */
  readonly besides: "node-roots" | "nothing";
  /** Differs when other roots would be trusted; part of the key under which a verdict is kept. */
  readonly identity: string;
}

/** Debian and Alpine, Fedora and its kin (old and new), SUSE, OpenBSD's place that others have taken over. */
const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * What this machine trusts, and the roots in further files.
 *
 * @throws LivecertError `configuration-invalid` where one of these files holds no certificate
 */
export async function machineRoots(
  extraFiles: readonly string[],
): Promise<TrustRoots> {
  const system = await findSystemBundle();
  const extra = await Promise.all(extraFiles.map(identifyRoots));
  const files = [...(system === null ? [] : [system.path]), ...extraFiles];
  return {
    files,
    besides: "node-roots",
    identity: digest([
      process.version,
      ...(system === null ? [] : [system.identity]),
      ...extra,
    ]),
  };
}

/**
 * Only what is in these files.
 *
 * @throws LivecertError as `machineRoots`
 */
export async function onlyRoots(files: readonly string[]): Promise<TrustRoots> {
  const identities = await Promise.all(files.map(identifyRoots));
  return { files, besides: "nothing", identity: digest(identities) };
}

/** The bundle is known by its file, not by its content: reading 200 kB in every run would cost more than it tells. */
async function findSystemBundle(): Promise<{
  path: string;
  identity: string;
} | null> {
  for (const path of systemBundles) {
    const file = await identifyFile(path);
    if (file === null || file.sizeBytes === 0) continue;
    const { resolved, device, inode, sizeBytes, modifiedNs } = file;
    return {
      path,
      identity: [resolved, device, inode, sizeBytes, modifiedNs].join(" "),
    };
  }
  return null;
}

const maxBytes = 16 * 1024 * 1024;

async function identifyRoots(path: string): Promise<string> {
  const reading = await readFileBounded(path, { maxBytes });
  if (reading.kind !== "read") {
    const reason =
      reading.kind === "absent" ? "it does not exist" : reading.reason;
    throw new LivecertError(
      "configuration-invalid",
      `trust roots cannot be read from ${path}: ${reason}`,
      { remedy: "name a PEM file with root certificates" },
    );
  }
  const { blocks, broken } = splitPem(reading.content);
  if (broken !== null || certificateBlocks(blocks).length === 0)
    throw new LivecertError(
      "configuration-invalid",
      `there are no trust roots in ${path}: it ${broken?.reason ?? "holds no certificate"}`,
      { remedy: "name a PEM file with root certificates" },
    );
  return digest([reading.content]);
}

function digest(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\n");
  return hash.digest("hex");
}
