/** Rules about a certificate file and a key file together. */
import type { Certificate } from "../certificate/certificate.ts";
import { keyFamily } from "../certificate/key-type.ts";
import { ruleFinding } from "./catalogue.ts";
import type { Finding } from "./finding.ts";

export interface PairFacts {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** In the file's order; at least one. */
  readonly certificates: readonly Certificate[];
  /** OpenSSL's name: `rsa`, `rsa-pss`, `ec`, `ed25519`, … */
  readonly keyType: string;
  /** Whether the key is that certificate's. */
  isKeyOf(certificate: Certificate): boolean;
}

/** Empty where the key belongs to the first certificate; otherwise the one reason why it does not. */
export function pairFindings(facts: PairFacts): readonly Finding[] {
  const { certificateFile, keyFile, certificates, keyType } = facts;
  const [leaf] = certificates;
  if (leaf === undefined || facts.isKeyOf(leaf)) return [];
  const owner = certificates.findIndex((one) => facts.isKeyOf(one));
  if (owner > 0 && certificates[owner]?.isCa === false)
    return [leafNotFirst(certificateFile, owner + 1)];
  const certificateType = keyFamily(leaf.keyType);
  if (certificateType !== keyType)
    return [
      ruleFinding("pair/key-type-mismatch", {
        message: `${keyFile} holds a key of type ${keyType}, but the certificate in ${certificateFile} is for one of type ${certificateType}`,
        hint: "put the key beside its own certificate; nginx -t does not notice this, and every handshake would fail",
      }),
    ];
  return [
    ruleFinding("pair/key-mismatch", {
      message:
        owner > 0
          ? `${keyFile} belongs to an issuer in ${certificateFile}, not to its first certificate`
          : `${keyFile} does not belong to the certificate in ${certificateFile}`,
      hint: "put the key beside its own certificate; for a lineage, certbot renew --force-renewal makes a matching pair",
    }),
  ];
}

/** Without a key, the order can only be told where an authority stands before a certificate that is none. */
export function orderWithoutKeyFindings(
  certificateFile: string,
  certificates: readonly Certificate[],
): readonly Finding[] {
  const leaf = certificates.findIndex(({ isCa }) => !isCa);
  return certificates[0]?.isCa === true && leaf > 0
    ? [leafNotFirst(certificateFile, leaf + 1)]
    : [];
}

function leafNotFirst(file: string, position: number): Finding {
  return ruleFinding("pair/leaf-not-first", {
    message: `the leaf is certificate ${position} of ${file}; Nginx takes the first one for it`,
    hint: "put the leaf first, then its issuer, then the issuer's issuer",
  });
}

export function encryptedKeyFinding(facts: {
  readonly keyFile: string;
  /** null: no password file is configured. */
  readonly passwordFile: string | null;
}): Finding {
  const { keyFile, passwordFile } = facts;
  return passwordFile === null
    ? ruleFinding("pair/key-encrypted", {
        message: `${keyFile} is encrypted, and no password file is configured`,
        hint: `decrypt it with openssl pkey, or name a password file with ssl_password_file`,
      })
    : ruleFinding("pair/key-encrypted", {
        message: `${keyFile} is encrypted, and no line of ${passwordFile} opens it`,
        hint: `put the right password into ${passwordFile}, or decrypt the key with openssl pkey`,
      });
}

/** `reason`: OpenSSL's, without anything of the key. */
export function unusablePairFinding(
  certificateFile: string,
  reason: string,
): Finding {
  return ruleFinding("pair/unusable", {
    message: `no handshake succeeds with ${certificateFile} and its key: ${reason}`,
    hint: "issue the certificate with a common type of key: ECDSA (P-256, P-384) or RSA",
  });
}
