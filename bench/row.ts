/** One line of the table of speed and size: what is compared with what, and how much is allowed. */
export interface Row {
  /** By which it is asked for on the command line. */
  readonly id: string;
  readonly what: string;
  readonly bound: number;
  /** What the figure is in: `×` for a ratio, a time, a size, `%`, nothing for a count. */
  readonly unit: "×" | "ms" | "s" | "%" | "MiB" | "";
  /** Throws where it cannot be measured; a figure beyond the bound is a result like any other. */
  readonly measure: (progress: Progress) => Promise<Measurement>;
}

export interface Measurement {
  readonly figure: number;
  /** Sentences for those who want to know what is behind the figure. */
  readonly details: readonly string[];
}

/** Tells whoever waits what is being done. */
export type Progress = (text: string) => void;

/** For rows that are about the same minutes: measured once, for whichever row asks first. */
export function measuredOnce<Seen>(
  look: (progress: Progress) => Promise<Seen>,
): (progress: Progress) => Promise<Seen> {
  let seen: Promise<Seen> | undefined;
  return (progress) => (seen ??= look(progress));
}
