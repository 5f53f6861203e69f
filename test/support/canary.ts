/** Finds a secret in whatever was written, passed or printed, however it was encoded. */
import { createPrivateKey } from "node:crypto";

/** As short as a piece may be and still tell something of the secret. */
const pieceBytes = 12;
const pieceCharacters = 16;

export class Canary {
  readonly #pieces: ReadonlySet<string>;

  private constructor(secrets: readonly Buffer[]) {
    this.#pieces = new Set(secrets.flatMap(piecesOf));
  }

  /**
   * The numbers of a private key (PEM) that its certificate does not tell as well, in every form that a program could give
   * them: as they are, in hexadecimal with and without colons, and as any part of a base64 text, such as the key's PEM.
   */
  static ofKey(pem: string): Canary {
    const { d, p, q } = createPrivateKey(pem).export({ format: "jwk" });
    return new Canary(
      [d, p, q].flatMap((number) =>
        number === undefined ? [] : Buffer.from(number, "base64url"),
      ),
    );
  }

  static ofPassword(password: string): Canary {
    return new Canary([Buffer.from(password)]);
  }

  /** The first piece of the secret that the content holds; null: none. */
  foundIn(content: string | Buffer): string | null {
    const text =
      typeof content === "string" ? content : content.toString("latin1");
    for (const piece of this.#pieces) if (text.includes(piece)) return piece;
    return null;
  }
}

function piecesOf(secret: Buffer): readonly string[] {
  const hexadecimal = secret.toString("hex");
  const colons = hexadecimal.replaceAll(/(..)(?=.)/g, "$1:");
  const texts = [hexadecimal, colons].flatMap((text) => [
    text,
    text.toUpperCase(),
  ]);
  return [
    ...windows(secret.toString("latin1"), pieceBytes),
    ...texts.flatMap((text) => windows(text, 3 * pieceBytes)),
    ...[0, 1, 2].flatMap((offset) =>
      base64Of(secret.subarray(offset)).flatMap((text) =>
        windows(text, pieceCharacters),
      ),
    ),
  ];
}

/** Whole groups of three bytes only: what the last one becomes depends on what follows. */
function base64Of(bytes: Buffer): readonly string[] {
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
  return [whole.toString("base64"), whole.toString("base64url")];
}

function windows(text: string, length: number): readonly string[] {
  return Array.from(
    { length: Math.max(0, text.length - length + 1) },
    (_, start) => text.slice(start, start + length),
  );
}
