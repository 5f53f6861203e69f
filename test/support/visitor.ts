/** A client that makes one handshake after the other, as long as it is let. */
import { connect } from "node:tls";

export interface Handshakes {
  readonly made: number;
  /** Connected, and then no certificate: what a visitor sees as an error. */
  readonly failed: readonly string[];
}

export class Visitor implements AsyncDisposable {
  readonly #address: { readonly host: string; readonly port: number };
  readonly #names: () => readonly string[];
  readonly #visits: Promise<void>;
  #isOver = false;
  #made = 0;
  #isAway = false;
  readonly #failed: string[] = [];

  constructor(address: string, names: () => readonly string[]) {
    const [host = "", port = ""] = address.split(":");
    this.#address = { host, port: Number(port) };
    this.#names = names;
    this.#visits = this.#visit();
  }

  get handshakes(): Handshakes {
    return { made: this.#made, failed: this.#failed };
  }

  /** What fails while this goes on is nobody's fault: Nginx itself is stopped. */
  async lookingAway(work: () => Promise<void>): Promise<void> {
    this.#isAway = true;
    try {
      await work();
    } finally {
      this.#isAway = false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#visits;
  }

  async #visit(): Promise<void> {
    for (let count = 0; !this.#isOver; count += 1) {
      const names = this.#names();
      const servername = names[count % names.length];
      const wasAway = this.#isAway;
      const failure =
        servername === undefined ? null : await this.#handshake(servername);
      if (failure === null) this.#made += 1;
      else if (!wasAway && !this.#isAway)
        this.#failed.push(`${String(servername)}: ${failure}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** null: a certificate was handed out. */
  #handshake(servername: string): Promise<string | null> {
    return new Promise((resolve) => {
      const socket = connect({
        ...this.#address,
        servername,
        rejectUnauthorized: false,
        timeout: 10_000,
      });
      const end = (failure: string | null): void => {
        socket.destroy();
        resolve(failure);
      };
      socket.once("secureConnect", () => {
        end(socket.getPeerCertificate().raw.length > 0 ? null : "nothing");
      });
      socket.once("error", (error: Error) => end(error.message));
      socket.once("timeout", () => end("timed out"));
    });
  }
}
