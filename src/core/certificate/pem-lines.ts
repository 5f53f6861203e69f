/** Lines as OpenSSL's PEM reader is handed them: file_gets() in crypto/bio/bss_file.c over fgets(3). */

/** The longest line that fgets() returns to OpenSSL's reader, its line feed included. */
const longestLine = 254;
const lineFeed = 0x0a;

/** Hands out what BIO_gets() returns for a file: a line or a part of one, cut at its first NUL byte. */
export class LineReader {
  readonly #bytes: Uint8Array;
  #position = 0;
  #nextNumber = 1;
  /** Of the line that was handed out last, from 1. */
  number = 0;
  /** The line handed out last goes on in the next part. */
  partial = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#position >= this.#bytes.length;
  }

  /** null at the end of the file and, as for OpenSSL, at a line that begins with a NUL byte. */
  next(): string | null {
    const start = this.#position;
    const limit = Math.min(start + longestLine, this.#bytes.length);
    const feed = this.#bytes.indexOf(lineFeed, start);
    const end = feed === -1 || feed >= limit ? limit : feed + 1;
    this.#position = end;
    this.number = this.#nextNumber;
    if (feed !== -1 && feed < limit) this.#nextNumber += 1;

    const text = latin1(this.#bytes.subarray(start, end));
    const nul = text.indexOf("\0");
    const line = nul === -1 ? text : text.slice(0, nul);
    this.partial = line.length === longestLine && !line.endsWith("\n");
    return line === "" ? null : line;
  }
}

/** Spreading the bytes into arguments would take six times as long. */
export function latin1(bytes: Uint8Array): string {
  return Reflect.apply(String.fromCharCode, null, bytes) as string;
}
