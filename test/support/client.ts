/** A TLS client that shares no code with livecert: the `openssl s_client` program. */
import { fingerprintOf } from "./pki.ts";
import { run } from "./run.ts";

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
  const { stdout } = await run(
    "openssl",
    [
      "s_client",
      "-showcerts",
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
  return (
    stdout.match(
      /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n/g,
    ) ?? []
  );
}

/** Of the leaf that a client is handed, as OpenSSL prints it; null where the handshake fails. */
export async function servedFingerprint(
  handshake: Handshake,
): Promise<string | null> {
  const [leaf] = await servedChain(handshake);
  return leaf === undefined ? null : fingerprintOf(leaf);
}
