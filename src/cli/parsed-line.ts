import type { OptionKey } from "../core/settings/options.ts";

/** A command line understood, whichever parser did it. */
export interface ParsedLine {
  readonly command: string;
  /** What is no option, in order, without the command. */
  readonly words: readonly string[];
  /** The command's own options that were given: true, a text or a list of texts. */
  readonly own: ReadonlyMap<string, unknown>;
  /** Options for all commands that were given, not yet checked. */
  readonly flags: ReadonlyMap<OptionKey, unknown>;
  /** `--config` as given. */
  readonly config: string | null;
}
