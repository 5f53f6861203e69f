/**
 * The rehearsal: a handshake in memory between a server that holds these very certificates and key, and a client. It proves
 * that the pair works, and shows what a client would report of it.
 */
import { duplexPair } from "node:stream";
import { connect, TLSSocket, type SecureContext } from "node:tls";
import type { Bundle } from "../../core/certificate/certificate.ts";
import { observedBundle } from "./bundle.ts";
import { lookingContext } from "./context.ts";
import { opensslReason } from "./openssl-error.ts";

export type Rehearsal =
  | {
      readonly kind: "succeeded";
      readonly bundle: Bundle;
      /** Node's name of what its client has against the chain, null if nothing: only a client with roots can tell. */
      readonly authorizationError: string | null;
    }
  | { readonly kind: "failed"; readonly reason: string };

/** All in memory: only a defect could make it last. */
const timeoutMs = 5_000;

/** `server` comes from loadServerContext; `client` looks only, unless one with roots is given. */
export async function rehearse(
  server: SecureContext,
  client: SecureContext = lookingContext("usual"),
): Promise<Rehearsal> {
  const [serverEnd, clientEnd] = duplexPair();
  const serverSide = new TLSSocket(serverEnd, {
    isServer: true,
    secureContext: server,
  });
  const clientSide = connect({
    socket: clientEnd,
    secureContext: client,
    rejectUnauthorized: false,
    // Which names it covers is asked elsewhere.
    checkServerIdentity: () => undefined,
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Rehearsal>((resolve) => {
      const fail = (error: unknown): void =>
        resolve({ kind: "failed", reason: opensslReason(error) });
      // The server knows why; the client is only told that it failed.
      serverSide.on("error", fail);
      clientSide.on("error", (error) => setImmediate(() => fail(error)));
      clientSide.once("secureConnect", () => resolve(seen(clientSide)));
      timer = setTimeout(() => fail({ reason: "no answer" }), timeoutMs);
    });
  } finally {
    clearTimeout(timer);
    clientSide.destroy();
    serverSide.destroy();
  }
}

function seen(client: TLSSocket): Rehearsal {
  const bundle = observedBundle(client);
  if (bundle === null)
    return { kind: "failed", reason: "no certificate was shown" };
  return {
    kind: "succeeded",
    bundle,
    authorizationError: client.authorized
      ? null
      : String(client.authorizationError),
  };
}
