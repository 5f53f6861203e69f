/** One line of the table of proofs: what is claimed, and how often it was put to the test. */
export interface Claim {
  /** By which it is asked for on the command line. */
  readonly id: string;
  /** As docs/reliability.md tells it. */
  readonly what: string;
  /** Throws where it cannot be tried; what did not survive is a result like any other. */
  readonly prove: (work: Work) => Promise<Evidence>;
}

export interface Work {
  /** `short`: some of the points, evenly spread, within a minute. `whole`: each of them. */
  readonly extent: "short" | "whole";
  readonly seed: number;
  readonly progress: (text: string) => void;
}

export interface Evidence {
  readonly tried: number;
  /** One sentence for each point that did not survive, with what is needed to see it again. */
  readonly failures: readonly string[];
  /** Sentences for those who want to know what is behind the figure. */
  readonly details: readonly string[];
}
