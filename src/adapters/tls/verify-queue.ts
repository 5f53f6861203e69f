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
  waiting: readonly Waiting[];
}

const groups = new Set<Group>();
let running = 0;

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
    start();
  });
}

function groupOf(question: VerifyQuestion): Group {
  for (const group of groups)
    if (isSame(group.question, question)) return group;
  const group: Group = { question, waiting: [] };
  groups.add(group);
  return group;
}

function isSame(one: VerifyQuestion, other: VerifyQuestion): boolean {
  return (
    one.signal === other.signal && JSON.stringify(one) === JSON.stringify(other)
  );
}

/** The group that most wait in is answered next. */
function start(): void {
  if (running === processesAtOnce) return;
  const [group] = [...groups].sort(
    (one, other) => other.waiting.length - one.waiting.length,
  );
  if (group === undefined) return;
  const batch = group.waiting.slice(0, leavesAtOnce);
  group.waiting = group.waiting.slice(batch.length);
  if (group.waiting.length === 0) groups.delete(group);
  running += 1;
  void answer(batch, group.question).finally(() => {
    running -= 1;
    start();
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
