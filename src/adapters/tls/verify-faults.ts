/** OpenSSL's complaints about a chain, turned into faults. */
import type {
  ChainFault,
  ChainFaultKind,
} from "../../core/validation/chain.ts";
import type { VerifyError } from "./openssl-verify.ts";

/** X509_V_ERR_… of OpenSSL 1.1.1 to 3.x; a code keeps its number. Source: include/openssl/x509_vfy.h */
const kindsByCode: Readonly<Record<number, ChainFaultKind>> = {
  2: "untrusted",
  18: "untrusted",
  19: "untrusted",
  20: "untrusted",
  21: "untrusted",
  27: "untrusted",
  28: "untrusted",
  9: "issuer-not-yet-valid",
  10: "issuer-expired",
  6: "bad-signature",
  7: "bad-signature",
  24: "invalid-ca",
  25: "invalid-ca",
  32: "invalid-ca",
  79: "invalid-ca",
  26: "wrong-purpose",
  34: "critical-extension",
  47: "name-constraints",
  48: "name-constraints",
  49: "name-constraints",
  51: "name-constraints",
  52: "name-constraints",
  53: "name-constraints",
  66: "weak-key",
  67: "weak-key",
  68: "weak-signature",
};

function kindOf({ code }: VerifyError): ChainFaultKind {
  return kindsByCode[code] ?? "invalid";
}

const datesOfIssuers: ReadonlySet<ChainFaultKind> = new Set([
  "issuer-expired",
  "issuer-not-yet-valid",
]);

export function isUntrusted(error: VerifyError): boolean {
  return kindOf(error) === "untrusted";
}

/** One fault of each kind for each certificate on the way. */
export function faultsOf(
  errors: readonly VerifyError[],
): readonly ChainFault[] {
  const faults = new Map<string, ChainFault>();
  for (const error of errors) {
    const kind = kindOf(error);
    // The leaf's own dates are judged from the leaf, at any time, unless OpenSSL cannot read them (13, 14: "invalid"); and
    // one untrusted chain is one fault.
    if (datesOfIssuers.has(kind) && error.depth === 0) continue;
    const { subject, words } = error;
    const detail = subject === "" ? words : `${subject}: ${words}`;
    faults.set(kind === "untrusted" ? kind : `${kind} ${error.depth}`, {
      kind,
      detail,
    });
  }
  return [...faults.values()];
}
