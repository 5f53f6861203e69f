/** What the child is handed, over a pipe: one line of JSON, then the files' contents one after the other. */
import type { Contents, Done, Order } from "./order.ts";

/** The word by which the program knows that it is the child (main.ts). */
export const childCommand = "publish-here";

export interface Job {
  readonly ahead: readonly string[];
  readonly order: Order;
  readonly contents: Contents;
}

export type Answer =
  | ({ readonly kind: "done" } & Done)
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly remedy: string | null;
    };

interface Head {
  readonly ahead: readonly string[];
  readonly order: Order;
  readonly sizes: readonly (readonly [name: string, sizeBytes: number])[];
}

export function packJob({ ahead, order, contents }: Job): Uint8Array {
  const sizes = [...contents].map(
    ([name, content]) => [name, content.length] as const,
  );
  const head: Head = { ahead, order, sizes };
  const line = Buffer.from(`${JSON.stringify(head)}\n`);
  return Buffer.concat([line, ...contents.values()]);
}

/** Only our own parent writes it. */
export function unpackJob(packed: Uint8Array): Job {
  const end = packed.indexOf(0x0a);
  const text = Buffer.from(packed.subarray(0, end)).toString();
  const { ahead, order, sizes } = JSON.parse(text) as Head;
  const contents = new Map<string, Uint8Array>();
  let begin = end + 1;
  for (const [name, sizeBytes] of sizes) {
    contents.set(name, packed.subarray(begin, begin + sizeBytes));
    begin += sizeBytes;
  }
  return { ahead, order, contents };
}

/** The owner of the place could have written it: believed only in its form. */
export function readAnswer(text: string): Answer | null {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof answer !== "object" || answer === null) return null;
  const { kind, adopted, reason, remedy } = answer as Record<string, unknown>;
  if (kind === "done")
    return adopted === "now" || adopted === "before" || adopted === null
      ? { kind, adopted }
      : null;
  if (kind !== "failed" || typeof reason !== "string") return null;
  return { kind, reason, remedy: typeof remedy === "string" ? remedy : null };
}
