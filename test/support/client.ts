/** A TLS client that shares no code with livecert: the `openssl s_client` program. */
import { fingerprintOf } from "./pki.ts";
import { run, type RunResult } from "./run.ts";

export interface Handshake {
  /** `127.0.0.1:8443`, `[::1]:8443` or `unix:/path`. */
  readonly address: string;
  /** null: without SNI. */
  readonly servername: string | null;
  /** Further arguments of s_client, e.g. `-sigalgs`, `RSA-PSS+SHA256`. */
  readonly args?: readonly string[];
}

/** The certificates (PEM) that a client is handed, in the order sent; empty where the handshake fails. */
export async function servedChain(
  handshake: Handshake,
): Promise<readonly string[]> {
  const { stdout } = await client(handshake, [
    ...["-showcerts", "-no-CAfile", "-no-CApath", "-no-CAstore"],
  ]);
  return (
    stdout.match(
      /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n/g,
    ) ?? []
  );
}

/** What OpenSSL thinks of the served chain: `OK`, its own words on the first fault, or null where the handshake fails. */
export async function verdictOf(
  handshake: Handshake & { readonly servername: string },
  /** The only trusted roots, as a file. */
  rootFile: string,
): Promise<string | null> {
  const { stdout } = await client(handshake, [
    ...["-CAfile", rootFile, "-no-CApath", "-no-CAstore"],
    ...["-verify_hostname", handshake.servername],
  ]);
  if (!stdout.includes("-----BEGIN CERTIFICATE-----")) return null;
  return /^Verification(?: error)?: (.*)$/m.exec(stdout)?.[1] ?? null;
}

function client(
  handshake: Handshake,
  args: readonly string[],
): Promise<RunResult> {
  return run(
    "openssl",
    [
      "s_client",
      ...args,
      ...(handshake.address.startsWith("unix:")
        ? ["-unix", handshake.address.slice("unix:".length)]
        : ["-connect", handshake.address]),
      ...(handshake.servername === null
        ? ["-noservername"]
        : ["-servername", handshake.servername]),
      ...(handshake.args ?? []),
    ],
    { limitMs: 20_000 },
  );
}

/** Of the leaf that a client is handed, as OpenSSL prints it; null where the handshake fails. */
export async function servedFingerprint(
  handshake: Handshake,
): Promise<string | null> {
  const [leaf] = await servedChain(handshake);
  return leaf === undefined ? null : fingerprintOf(leaf);
}
