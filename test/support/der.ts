/** Writes DER (X.690), as much of it as certificates need. */

export type Der = Buffer;

export const sequence = (...content: readonly Der[]): Der => tlv(0x30, content);
export const set = (...content: readonly Der[]): Der => tlv(0x31, content);
export const octets = (...content: readonly Der[]): Der => tlv(0x04, content);
export const utf8 = (text: string): Der => tlv(0x0c, [Buffer.from(text)]);
export const nothing: Der = Buffer.from([0x05, 0x00]);
export const yes: Der = Buffer.from([0x01, 0x01, 0xff]);

/** `[number]`, constructed: for explicit tags and for implicitly tagged sequences. */
export const tagged = (number: number, ...content: readonly Der[]): Der =>
  tlv(0xa0 + number, content);

/** `[number]`, primitive: for implicitly tagged strings. */
export const raw = (number: number, content: Buffer): Der =>
  tlv(0x80 + number, [content]);

export function integer(value: number | Buffer): Der {
  const hex = Buffer.isBuffer(value)
    ? value.toString("hex")
    : value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  const isNegative = ((bytes[0] ?? 0) & 0x80) !== 0;
  return tlv(0x02, isNegative ? [Buffer.from([0]), bytes] : [bytes]);
}

/** Whole bytes. */
export const bits = (content: Buffer): Der =>
  tlv(0x03, [Buffer.from([0]), content]);

/** Numbered from the most significant one, as ASN.1 names them; at most eight. */
export function namedBits(numbers: readonly number[]): Der {
  const byte = numbers.reduce((sum, number) => sum | (0x80 >> number), 0);
  return tlv(0x03, [Buffer.from([7 - Math.max(...numbers), byte])]);
}

export function oid(text: string): Der {
  const [first = 0, second = 0, ...others] = text.split(".").map(Number);
  const parts = [40 * first + second, ...others].map(base128);
  return tlv(0x06, parts);
}

/** UTCTime until 2049, as RFC 5280 section 4.1.2.5 wants it. */
export function time(instant: Date): Der {
  const text = instant.toISOString().replace(/\.\d+|[-:T]/g, "");
  return instant.getUTCFullYear() < 2050
    ? tlv(0x17, [Buffer.from(text.slice(2))])
    : tlv(0x18, [Buffer.from(text)]);
}

/** GeneralizedTime, whatever its text. */
export const generalizedTime = (text: string): Der =>
  tlv(0x18, [Buffer.from(text)]);

function base128(value: number): Buffer {
  const digits = [value & 0x7f];
  for (let left = value >> 7; left > 0; left >>= 7)
    digits.unshift((left & 0x7f) | 0x80);
  return Buffer.from(digits);
}

function tlv(tag: number, content: readonly Buffer[]): Der {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), length(body.length), body]);
}

function length(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.from([bytes]);
  const hex = bytes.toString(16);
  const digits = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return Buffer.concat([Buffer.from([0x80 + digits.length]), digits]);
}
