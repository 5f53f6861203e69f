import { livecertProgram } from "../../test/support/livecert.ts";
import type { Row } from "../row.ts";
import { compareWithNothing } from "../starts.ts";

export const versionRow: Row = {
  id: "version",
  what: "`livecert --version` against `node -e 0`",
  bound: 1.5,
  unit: "×",
  measure: () =>
    compareWithNothing(
      { "livecert --version": { args: [livecertProgram, "--version"] } },
      25,
    ),
};
