import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  opensslVerify,
  type VerifyQuestion,
  type VerifyResult,
} from "../../src/adapters/tls/openssl-verify.ts";
import { verify } from "../../src/adapters/tls/verify-queue.ts";
import { Cleanup } from "../support/cleanup.ts";
import {
  createPki,
  type CertificateRequest,
  type Pki,
} from "../support/pki.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const cleanup = new Cleanup();
let question: VerifyQuestion;
let pki: Pki;

beforeAll(async () => {
  pki = cleanup.use(await createPki());
  const directory = cleanup.use(await temporaryDirectory()).path;
  question = {
    trusted: [pki.rootFile],
    untrusted: pki.intermediate.certificate,
    chain: "complete",
    atSeconds: Math.floor(Date.now() / 1000),
    level: 2,
    temporaryDir: join(directory, "scratch"),
    signal: AbortSignal.timeout(60_000),
  };
});
afterAll(() => cleanup[Symbol.asyncDispose]());

async function leaf(request: CertificateRequest = {}): Promise<string> {
  const issued = await pki.intermediate.leaf({ names: ["a.test"], ...request });
  return issued.certificate;
}

const dayMs = 86_400_000;

describe("leaves that are asked about at the same time", () => {
  it("get the answers that each gets alone, from three processes", async () => {
    const another = await pki.anotherRoot();
    const stranger = await another.leaf({ names: ["a.test"] });
    const leaves = [
      await leaf(),
      await leaf({ notAfter: new Date(Date.now() - dayMs) }),
      await leaf(),
      stranger.certificate,
      await leaf({ keyType: "rsa-1024" }),
      await leaf(),
    ];
    const alone: VerifyResult[] = [];
    for (const one of leaves)
      alone.push(...(await opensslVerify([one], question)));

    const { starts, results } = await together(leaves, question);

    expect(results).toEqual(alone);
    expect(codes(results)).toEqual([[], [10], [], [20], [66], []]);
    // Two that find nobody at work, and one for all who come meanwhile.
    expect(starts).toBe(3);
    expect(await readdir(question.temporaryDir)).toEqual([]);
  });

  it("are asked about alone where OpenSSL says nothing of them among others", async () => {
    const garbled = (await leaf()).replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA");
    const leaves = [await leaf(), await leaf(), garbled, await leaf()];

    const { starts, results } = await together(leaves, question);

    expect(results.map(({ kind }) => kind)).toEqual([
      "verified",
      "verified",
      "failed",
      "verified",
    ]);
    expect(starts).toBe(4);
  });

  it("are not asked about together where the question differs", async () => {
    const one = await leaf({ notAfter: new Date(Date.now() - dayMs) });
    const results = await Promise.all([
      verify(one, question),
      verify(one, { ...question, atSeconds: null }),
      verify(one, { ...question, untrusted: null }),
    ]);
    expect(codes(results)).toEqual([[10], [], [20]]);
  });

  it("share two processes with those that are asked something else", async () => {
    const leaves = [await leaf(), await leaf(), await leaf()];
    const other = { ...question, atSeconds: null };
    const { starts, results } = await counted(() =>
      Promise.all(
        [question, other].flatMap((asked) =>
          leaves.map((one) => verify(one, asked)),
        ),
      ),
    );
    expect(codes(results)).toEqual([[], [], [], [], [], []]);
    // Two for the first two, one for all of the other question, one for the rest.
    expect(starts).toBe(4);
  });

  it("are not asked about any more once the run is stopped, and nothing is written", async () => {
    const temporaryDir = join(question.temporaryDir, "stopped");
    const stopped = { ...question, temporaryDir, signal: AbortSignal.abort() };
    const leaves = [await leaf(), await leaf(), await leaf()];
    const { starts, results } = await together(leaves, stopped);
    expect(results.map(({ kind }) => kind)).toEqual(leaves.map(() => "failed"));
    expect(starts).toBe(0);
    expect(existsSync(temporaryDir)).toBe(false);
  });
});

interface Counted {
  /** Programs that were started meanwhile. */
  readonly starts: number;
  readonly results: readonly VerifyResult[];
}

function together(
  leaves: readonly string[],
  asked: VerifyQuestion,
): Promise<Counted> {
  return counted(() => Promise.all(leaves.map((one) => verify(one, asked))));
}

async function counted(
  ask: () => Promise<readonly VerifyResult[]>,
): Promise<Counted> {
  let starts = 0;
  const count = (): void => {
    starts += 1;
  };
  subscribe("child_process", count);
  const results = await ask();
  unsubscribe("child_process", count);
  return { starts, results };
}

function codes(
  results: readonly VerifyResult[],
): readonly (readonly number[] | null)[] {
  return results.map((result) =>
    result.kind === "verified" ? result.errors.map(({ code }) => code) : null,
  );
}
