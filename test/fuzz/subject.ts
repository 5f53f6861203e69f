import type fc from "fast-check";

/** Something that reads what others wrote. */
export interface Subject<Input = unknown> {
  /** By which it is asked for on the command line. */
  readonly id: string;
  readonly inputs: fc.Arbitrary<Input>;
  /** Each input is synced to disk. */
  readonly isSlow?: boolean;
  /** Throws where a promise is broken: whatever the input is, the answer is a value or an error of livecert's own. */
  readonly read: (input: Input) => unknown;
}

/** Keeps the type of the inputs from its users, who only hand them on. */
export function subject<Input>(one: Subject<Input>): Subject {
  return one as Subject;
}
