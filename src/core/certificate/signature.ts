/**
 * The digest that a certificate was signed with: the one thing that Node's own reading of certificates does not tell.
 * Node 22 loads SHA-1 signatures at any security level while Nginx refuses them, so it must be known.
 *
 * Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm AlgorithmIdentifier, signature }   (RFC 5280, 4.1)
 */

/** Bits of security against collisions, as OpenSSL counts them (crypto/x509/x509_set.c, ossl_x509_init_sig_info). */
const securityBits = {
  md2: 39,
  md4: 39,
  md5: 39,
  sha1: 63,
  sha224: 112,
  sha256: 128,
  sha384: 192,
  sha512: 256,
} as const;

export type SignatureDigest = keyof typeof securityBits;

/** By the DER of the algorithm's object identifier, hexadecimal. RFC 3279, RFC 4055, RFC 5758, FIPS 186. */
const signatureAlgorithms: Readonly<Record<string, SignatureDigest>> = {
  "2a864886f70d010102": "md2",
  "2a864886f70d010103": "md4",
  "2a864886f70d010104": "md5",
  "2a864886f70d010105": "sha1",
  "2b0e03021d": "sha1",
  "2a864886f70d01010e": "sha224",
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a8648ce3d0401": "sha1",
  "2a8648ce3d040301": "sha224",
  "2a8648ce3d040302": "sha256",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
  "2a8648ce380403": "sha1",
  "608648016503040301": "sha224",
  "608648016503040302": "sha256",
};

const pssAlgorithm = "2a864886f70d01010a";

const digestAlgorithms: Readonly<Record<string, SignatureDigest>> = {
  "2b0e03021a": "sha1",
  "608648016503040201": "sha256",
  "608648016503040202": "sha384",
  "608648016503040203": "sha512",
  "608648016503040204": "sha224",
};

/** null for algorithms that bring their own digest (Ed25519) and for those that are not known here. */
export function signatureDigest(der: Uint8Array): SignatureDigest | null {
  const [certificate] = children(der);
  const algorithm = certificate && children(certificate.content)[1];
  const [identifier, parameters] = algorithm ? children(algorithm.content) : [];
  if (identifier === undefined) return null;
  const name = hexadecimal(identifier.content);
  return name === pssAlgorithm
    ? pssDigest(parameters)
    : (signatureAlgorithms[name] ?? null);
}

/** Bits that OpenSSL's security levels 0 to 5 ask for (SSL_CTX_set_security_level(3)). */
const levelBits = [0, 80, 112, 128, 192, 256] as const;

export function isTooWeak(digest: SignatureDigest, level: number): boolean {
  return securityBits[digest] < (levelBits[level] ?? Infinity);
}

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/** RSASSA-PSS-params: `[0]` holds the digest, SHA-1 when it is left out. */
function pssDigest(parameters: Element | undefined): SignatureDigest | null {
  const fields = parameters === undefined ? [] : children(parameters.content);
  const field = fields.find(({ tag }) => tag === 0xa0);
  if (field === undefined) return "sha1";
  const [algorithm] = children(field.content);
  const [identifier] = algorithm ? children(algorithm.content) : [];
  if (identifier === undefined) return null;
  return digestAlgorithms[hexadecimal(identifier.content)] ?? null;
}

/** The elements that follow one another in DER; what is cut off or longer than 4 GiB ends the list. */
function children(der: Uint8Array): readonly Element[] {
  const found: Element[] = [];
  let position = 0;
  while (position + 2 <= der.length) {
    const tag = der[position] ?? 0;
    const first = der[position + 1] ?? 0;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const start = position + 2 + lengthBytes;
    if (lengthBytes > 4 || start > der.length) break;
    const length =
      lengthBytes === 0 ? first : bigEndian(der.subarray(position + 2, start));
    if (start + length > der.length) break;
    found.push({ tag, content: der.subarray(start, start + length) });
    position = start + length;
  }
  return found;
}

function bigEndian(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}
