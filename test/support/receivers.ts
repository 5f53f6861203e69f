/** The other ends of notifications: a mail server, a web receiver that may fail at first, and a command. */
import { once } from "node:events";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import { Cleanup } from "./cleanup.ts";
import { writeScript } from "./hook.ts";

/** Takes mail for everybody but `nobody@…`, and sends none. */
export class MailSink implements AsyncDisposable {
  readonly port: number;
  /** As they came over the wire. */
  readonly mails: readonly string[];
  readonly #cleanup: Cleanup;

  private constructor(
    port: number,
    mails: readonly string[],
    cleanup: Cleanup,
  ) {
    this.port = port;
    this.mails = mails;
    this.#cleanup = cleanup;
  }

  static async start(login?: {
    readonly user: string;
    readonly password: string;
  }): Promise<MailSink> {
    const mails: string[] = [];
    const server = new SMTPServer({
      logger: false,
      disabledCommands: ["STARTTLS", ...(login === undefined ? ["AUTH"] : [])],
      authOptional: login === undefined,
      onAuth: ({ username, password }, _, callback) => {
        if (username === login?.user && password === login?.password)
          callback(null, { user: username });
        else callback(new Error("no such user"));
      },
      onRcptTo: ({ address }, _, callback) => {
        callback(
          address.startsWith("nobody@") ? new Error("no such mailbox") : null,
        );
      },
      onData: (stream, _, callback) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          mails.push(Buffer.concat(chunks).toString("utf8"));
          callback();
        });
      },
    });
    const cleanup = new Cleanup();
    server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
    cleanup.defer(
      () =>
        new Promise<void>((resolve) => {
          server.close(() => {
            resolve();
          });
        }),
    );
    const { port } = server.server.address() as AddressInfo;
    return new MailSink(port, mails, cleanup);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}

export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** What is answered to a request; `never`: the connection is held open. */
export type Answer = number | "never";

/** Answers as it is told, in turn, and then 204 to everything. */
export class WebReceiver implements AsyncDisposable {
  readonly port: number;
  /** Every request, also those that were answered with a failure. */
  readonly requests: readonly Received[];
  readonly #cleanup: Cleanup;
  readonly #accepted: readonly Received[];

  private constructor(
    port: number,
    requests: readonly Received[],
    accepted: readonly Received[],
    cleanup: Cleanup,
  ) {
    this.port = port;
    this.requests = requests;
    this.#accepted = accepted;
    this.#cleanup = cleanup;
  }

  static async start(...answers: readonly Answer[]): Promise<WebReceiver> {
    const requests: Received[] = [];
    const accepted: Received[] = [];
    const left = [...answers];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { url = "", headers } = request;
        const body = Buffer.concat(chunks).toString("utf8");
        const received = { path: url, headers, body };
        requests.push(received);
        const answer = left.shift() ?? 204;
        if (answer === "never") return;
        if (answer < 300) accepted.push(received);
        response.writeHead(answer).end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const cleanup = new Cleanup();
    cleanup.defer(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    });
    const { port } = server.address() as AddressInfo;
    return new WebReceiver(port, requests, accepted, cleanup);
  }

  /** Those that it took. */
  get accepted(): readonly Received[] {
    return this.#accepted;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}

/** A user's command that hangs before it has read anything, as long as a file is there. */
export interface HangingCommand {
  readonly program: string;
  /** While it exists, the command hangs. */
  readonly hanging: string;
  /** The messages that it has read, each a line of JSON. */
  readonly messages: () => Promise<readonly Record<string, unknown>[]>;
}

export async function hangingCommand(
  directory: string,
): Promise<HangingCommand> {
  const program = `${directory}/tell`;
  const hanging = `${directory}/hanging`;
  const output = `${directory}/told`;
  await writeScript(
    program,
    `while [ -e '${hanging}' ]; do sleep 0.05; done`,
    `cat >> '${output}'`,
  );
  return {
    program,
    hanging,
    messages: async () => {
      const text = await readFile(output, "utf8").catch(() => "");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
}
