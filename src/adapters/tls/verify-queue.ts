/**
 * Brings together what is asked of `openssl verify` at about the same time: while two processes are at work, whatever comes
 * in waits, and is then answered by one. So a run that sees a thousand certificates for the first time starts some hundred
 * processes, and a run that sees one waits for nobody.
 */
import {
  opensslVerify,
  type VerifyQuestion,
  type VerifyResult,
} from "./openssl-verify.ts";

const processesAtOnce = 2;
/** Far from what an argument list may hold. */
const leavesAtOnce = 64;

interface Waiting {
  readonly leaf: string;
  readonly resolve: (result: VerifyResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Those who ask the same. */
interface Group {
  readonly question: VerifyQuestion;
  running: number;
  waiting: readonly Waiting[];
}

const groups = new Set<Group>();

/**
 * @param leaf PEM
 * @throws as `opensslVerify`
 */
export function verify(
  leaf: string,
  question: VerifyQuestion,
): Promise<VerifyResult> {
  return new Promise((resolve, reject) => {
    const group = groupOf(question);
    group.waiting = [...group.waiting, { leaf, resolve, reject }];
    start(group);
  });
}

function groupOf(question: VerifyQuestion): Group {
  for (const group of groups)
    if (isSame(group.question, question)) return group;
  const group: Group = { question, running: 0, waiting: [] };
  groups.add(group);
  return group;
}

function isSame(one: VerifyQuestion, other: VerifyQuestion): boolean {
  return (
    one.signal === other.signal && JSON.stringify(one) === JSON.stringify(other)
  );
}

function start(group: Group): void {
  if (group.running === processesAtOnce) return;
  const batch = group.waiting.slice(0, leavesAtOnce);
  if (batch.length === 0) {
    if (group.running === 0) groups.delete(group);
    return;
  }
  group.waiting = group.waiting.slice(batch.length);
  group.running += 1;
  void answer(batch, group.question).finally(() => {
    group.running -= 1;
    start(group);
  });
}

async function answer(
  batch: readonly Waiting[],
  question: VerifyQuestion,
): Promise<void> {
  try {
    const leaves = batch.map(({ leaf }) => leaf);
    const results = await opensslVerify(leaves, question);
    for (const [index, { resolve }] of batch.entries()) {
      const result = results[index];
      if (result !== undefined) resolve(result);
    }
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
