/**
 * PEM text split into blocks as Nginx would do it, that is as OpenSSL's reader does over a file (PEM_read_bio_ex in
 * crypto/pem/pem_lib.c of OpenSSL 3.0, with the flags of PEM_read_bio_X509): lines of at most 254 bytes, whitespace
 * stripped at their ends only, a byte-order mark before any block, headers ended by a blank line, and lines of at most
 * 64 characters after such a blank line.
 *
 * RFC 7468 allows less and Node more: 16 NUL bytes before the first block end the file for Nginx, while Node takes the
 * next certificate. What Nginx would load is therefore decided here and not by Node.
 */
import { LineReader } from "./pem-lines.ts";
import { splitUsualPem } from "./pem-usual.ts";

export interface PemBlock {
  /** What stands after BEGIN: `CERTIFICATE`, `EC PRIVATE KEY`, … */
  readonly label: string;
  /** RFC 1421 header lines, each ended by a line feed; empty without any. */
  readonly header: string;
  /** The base64 characters alone, padded, a multiple of four of them. */
  readonly body: string;
  /** Of the BEGIN line, from 1. */
  readonly line: number;
}

/** Why the reader gives up. Nginx refuses the whole file then, whatever was read before. */
export interface BrokenPem {
  readonly kind: "truncated" | "malformed";
  /** In plain words, to follow the file's name: `ends in the middle of a CERTIFICATE block`. */
  readonly reason: string;
  /** Of the BEGIN line of the block that is broken, from 1. */
  readonly line: number;
}

/** Why a file gives nothing of what is wanted. */
export type PemFault =
  | { readonly kind: "empty" }
  | Pick<BrokenPem, "kind" | "reason">
  /** Labels of the blocks that are in it instead, each once, fit to be printed. */
  | { readonly kind: "nothing-fitting"; readonly labels: readonly string[] };

/** The fault of a file that holds none of the wanted blocks. */
export function nothingFitting(blocks: readonly PemBlock[]): PemFault {
  const labels = new Set(blocks.map(({ label }) => printable(label)));
  return { kind: "nothing-fitting", labels: [...labels] };
}

/** Nothing but whitespace and control characters, or not even that. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte <= 0x20);
}

export interface PemText {
  /** In the file's order, of any label, up to the broken one. */
  readonly blocks: readonly PemBlock[];
  readonly broken: BrokenPem | null;
}

/** Splits a file's content as far as a reader of certificates gets; text between the blocks is skipped. Never throws. */
export function splitPem(bytes: Uint8Array): PemText {
  const usual = splitUsualPem(bytes);
  if (usual !== null) return { blocks: usual, broken: null };
  const blocks: PemBlock[] = [];
  for (const found of readBlocks(new LineReader(bytes))) {
    if ("kind" in found) return { blocks, broken: found };
    blocks.push(found);
  }
  return { blocks, broken: null };
}

/**
 * Splits a file's content as a reader of private keys does: it goes on after a broken block and after a NUL byte
 * (pem_read_bio_key in crypto/pem/pem_pkey.c).
 */
export function splitKeyPem(bytes: Uint8Array): PemText {
  const lines = new LineReader(bytes);
  const blocks: PemBlock[] = [];
  let broken: BrokenPem | null = null;
  while (!lines.ended) {
    for (const found of readBlocks(lines)) {
      if ("kind" in found) broken ??= found;
      else blocks.push(found);
    }
  }
  return { blocks, broken };
}

function* readBlocks(lines: LineReader): Generator<PemBlock | BrokenPem> {
  for (;;) {
    const label = readLabel(lines);
    if (label === null) return;
    const line = lines.number;
    const found = readBody(lines, label);
    yield "kind" in found ? { ...found, line } : { label, ...found, line };
  }
}

/**
 * The blocks that Nginx loads as certificates, the leaf's first. The first may be a TRUSTED CERTIFICATE
 * (PEM_read_bio_X509_AUX), further ones of that label are passed over (PEM_read_bio_X509); see
 * ngx_ssl_load_certificate in src/event/ngx_event_openssl.c.
 */
export function certificateBlocks(
  blocks: readonly PemBlock[],
): readonly PemBlock[] {
  const first = blocks.findIndex(
    ({ label }) =>
      label === "TRUSTED CERTIFICATE" || certificateLabels.has(label),
  );
  return blocks.filter(
    ({ label }, index) =>
      index === first || (index > first && certificateLabels.has(label)),
  );
}

const certificateLabels = new Set(["CERTIFICATE", "X509 CERTIFICATE"]);

/**
 * The blocks that Nginx would try as the private key, in its order; `EC PARAMETERS` and certificates are passed over.
 * OpenSSL gives up at a key whose header is not that of an encrypted one.
 */
export function keyBlocks(blocks: readonly PemBlock[]): readonly PemBlock[] {
  const keys = blocks.filter(({ label }) => keyLabels.has(label));
  const end = keys.findIndex(
    ({ header }) => header !== "" && !encryptionHeader.test(header),
  );
  return end === -1 ? keys : keys.slice(0, end);
}

const encryptionHeader = /^Proc-Type:[ \t]*4,[ \t]*ENCRYPTED/;

const keyLabels = new Set([
  "PRIVATE KEY",
  "ENCRYPTED PRIVATE KEY",
  "RSA PRIVATE KEY",
  "EC PRIVATE KEY",
  "DSA PRIVATE KEY",
]);

/** PKCS#8's own encryption, or the older one of RFC 1421 headers. */
export function isEncryptedKey(block: PemBlock): boolean {
  return (
    block.label === "ENCRYPTED PRIVATE KEY" ||
    encryptionHeader.test(block.header)
  );
}

/** The block as every reader understands it, optionally under another label. */
export function canonicalPem(block: PemBlock, label = block.label): string {
  const header = block.header === "" ? "" : `${block.header}\n`;
  const body = block.body.replaceAll(/.{64}(?!$)/g, "$&\n");
  return `-----BEGIN ${label}-----\n${header}${body}\n-----END ${label}-----\n`;
}

const byteOrderMark = "\u00ef\u00bb\u00bf";

/** Skips to the next BEGIN line; null when there is none. */
function readLabel(lines: LineReader): string | null {
  let line = lines.next();
  if (line !== null && line.length > 3 && line.startsWith(byteOrderMark))
    line = line.slice(3);
  while (line !== null) {
    const label = /^-----BEGIN (.*)-----$/s.exec(stripEnd(line))?.[1];
    if (label !== undefined) return label;
    line = lines.next();
  }
  return null;
}

/** Bytes above 0x7f count as whitespace, since OpenSSL compares them as signed characters. */
function stripEnd(line: string): string {
  return line.replace(/[\u0000-\u0020\u0080-\u00ff]+$/, "");
}

type Body = Pick<PemBlock, "header" | "body">;
type Failure = Pick<BrokenPem, "kind" | "reason">;

/** `maybe`: what was read may turn out to be header or data; decided by a colon or a blank line. */
type HeaderState = "maybe" | "inside" | "after";

function readBody(lines: LineReader, label: string): Body | Failure {
  let state: HeaderState = "maybe";
  let before = "";
  let after = "";
  let shortLineSeen = false;
  for (;;) {
    const continued = lines.partial;
    const raw = lines.next();
    if (raw === null) return truncated(label);
    if (state === "maybe" && raw.includes(":")) state = "inside";
    const line = stripEnd(raw);
    if (line === "") {
      if (continued) continue;
      if (state === "after")
        return malformed(label, "has a blank line in its base64 text");
      state = "after";
      continue;
    }
    if (line.startsWith("-----END ")) {
      if (line !== `-----END ${label}-----`) return wrongEnd(label, line);
      return state === "maybe"
        ? finish(label, { header: "", body: before })
        : finish(label, { header: before, body: after });
    }
    if (state !== "after") {
      before += `${line}\n`;
      continue;
    }
    if (shortLineSeen || line.length > 64)
      return malformed(label, "has lines of uneven length after a blank line");
    shortLineSeen = line.length < 64;
    after += `${line}\n`;
  }
}

function finish(label: string, { header, body }: Body): Body | Failure {
  const text = body.replaceAll(/[ \t\r\n]/g, "");
  // A hyphen ends the data for OpenSSL's decoder.
  const data = text.split("-", 1)[0] ?? "";
  if (data === "") return malformed(label, "is empty");
  if (data.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(data))
    return malformed(label, "is not base64 text");
  return { header, body: data };
}

function truncated(label: string): Failure {
  return {
    kind: "truncated",
    reason: `ends in the middle of a ${printable(label)} block`,
  };
}

function wrongEnd(label: string, line: string): Failure {
  const other = /^-----END (.*)-----$/.exec(line)?.[1];
  const found =
    other === undefined || other === label
      ? "a damaged END line"
      : `an END line for ${printable(other)}`;
  return malformed(label, `ends with ${found}`);
}

function malformed(label: string, fault: string): Failure {
  return {
    kind: "malformed",
    reason: `has a ${printable(label)} block that ${fault}`,
  };
}

/**
 * Labels are foreign input: with bare CR line ends a whole key may stand in one. Only what looks like a label is repeated.
 */
function printable(label: string): string {
  return /^[A-Z0-9 ]{1,40}$/.test(label) ? label : "strange";
}
