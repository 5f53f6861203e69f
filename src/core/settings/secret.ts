/** Passwords, tokens and addresses that are as good as one: nothing that prints a value prints them. */
const concealed = "[secret]";

export class Concealed {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Only for the one who sends it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return concealed;
  }

  toJSON(): string {
    return concealed;
  }

  /** Node.js prints what this answers. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return concealed;
  }
}

/** Where a secret is: in the configuration itself, in a file, or in a credential that systemd hands to the unit. */
export type Secret =
  | { readonly kind: "given"; readonly value: Concealed }
  | { readonly kind: "file"; readonly path: string }
  /** A file of that name in `$CREDENTIALS_DIRECTORY` (systemd.exec(5), `LoadCredential=`). */
  | { readonly kind: "credential"; readonly name: string };
