/** The form of what a child answers. It is ours, but may have been torn or be another version's. */
import {
  boolean,
  either,
  list,
  literal,
  nullable,
  number,
  pair,
  record,
  string,
  type Shape,
} from "../../adapters/store/shape.ts";
import { outcomes, type Outcome } from "../../core/decision/outcome.ts";
import type { WatcherRun } from "../../core/report/document.ts";
import { errorCodes, type ErrorCode } from "../../errors.ts";
import type { HealthLine, Told } from "../documents.ts";
import type { Failing } from "../failing.ts";
import type { Meaning, Surroundings } from "../meanings.ts";
import type { Answers, Errand, Reply, RunAnswer } from "./errand.ts";

type Kind = Errand["kind"];
type Of<Name extends Meaning["kind"]> = Extract<Meaning, { kind: Name }>;

const meaning: Shape<Meaning> = either(
  record<Of<"lineages">>({ kind: literal("lineages") }),
  record<Of<"pending">>({ kind: literal("pending") }),
  record<Of<"subject">>({
    kind: literal("subject"),
    subject: string,
    names: nullable(list(string)),
  }),
  record<Of<"configuration">>({
    kind: literal("configuration"),
    names: list(string),
    isBusy: boolean,
  }),
);

const surroundings = record<Surroundings>({
  sources: number,
  lineages: list(pair(string, string)),
  records: list(pair(string, list(string))),
  meanings: list(pair(string, list(meaning))),
});

const failing = record<Failing>({
  subject: string,
  name: string,
  outcome: literal(...(Object.keys(outcomes) as Outcome[])),
  detail: string,
  remedy: nullable(string),
  records: list(string),
});

const answers: { readonly [Name in Kind]: Shape<Answers[Name]> } = {
  survey: surroundings,
  run: record<RunAnswer>({
    id: string,
    run: nullable(
      record<WatcherRun>({ at: string, summary: string, reloads: number }),
    ),
    failing: list(failing),
    surroundings: nullable(surroundings),
  }),
  tell: record<Told>({
    tag: string,
    health: record<HealthLine>({
      isWell: boolean,
      text: string,
      until: nullable(string),
    }),
  }),
  deliver: (value): value is null => value === null,
};

/** null: this is no answer to such an errand. */
export function readReply<Name extends Kind>(
  kind: Name,
  text: string,
): Reply<Answers[Name]> | null {
  const value = parse(text);
  return replyTo(answers[kind])(value) ? value : null;
}

function replyTo<Answer>(answer: Shape<Answer>): Shape<Reply<Answer>> {
  type Form<Name extends Reply["kind"]> = Extract<
    Reply<Answer>,
    { kind: Name }
  >;
  return either(
    record<Form<"done">>({ kind: literal("done"), answer }),
    record<Form<"failed">>({
      kind: literal("failed"),
      code: nullable(literal(...(Object.keys(errorCodes) as ErrorCode[]))),
      reason: string,
      remedy: nullable(string),
    }),
    record<Form<"replaced">>({ kind: literal("replaced"), version: string }),
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
