/** The judge where there is no `openssl` program: what a client of Node's own has against the chain, one fault only. */
import { readFile } from "node:fs/promises";
import {
  createSecureContext,
  rootCertificates,
  type SecureContext,
} from "node:tls";
import type {
  ChainFault,
  ChainFaultKind,
} from "../../core/validation/chain.ts";
import { rehearse } from "./rehearsal.ts";
import type { TrustRoots } from "./roots.ts";

/** Names of X509_V_ERR_…; the leaf's dates are judged elsewhere. */
const kinds: Readonly<Record<string, ChainFaultKind | null>> = {
  CERT_HAS_EXPIRED: null,
  CERT_NOT_YET_VALID: null,
  UNABLE_TO_GET_ISSUER_CERT: "untrusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "untrusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "untrusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "untrusted",
  SELF_SIGNED_CERT_IN_CHAIN: "untrusted",
  CERT_UNTRUSTED: "untrusted",
  CERT_REJECTED: "untrusted",
  CERT_SIGNATURE_FAILURE: "bad-signature",
  INVALID_CA: "invalid-ca",
  PATH_LENGTH_EXCEEDED: "invalid-ca",
  INVALID_PURPOSE: "wrong-purpose",
};

export async function judgeByRehearsal(
  server: SecureContext,
  { files, besides }: TrustRoots,
): Promise<readonly ChainFault[]> {
  const texts = await Promise.all(files.map((file) => readFile(file)));
  const client = createSecureContext({
    ca: [...texts, ...(besides === "node-roots" ? rootCertificates : [])],
    ciphers: "DEFAULT@SECLEVEL=2",
  });
  const rehearsal = await rehearse(server, client);
  const error =
    rehearsal.kind === "succeeded" ? rehearsal.authorizationError : null;
  if (error === null) return [];
  const kind = Object.hasOwn(kinds, error) ? kinds[error] : "invalid";
  return kind === undefined || kind === null ? [] : [{ kind, detail: error }];
}
