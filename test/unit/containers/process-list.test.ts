import { describe, expect, it } from "vitest";
import { readProcessList } from "../../../src/core/containers/process-list.ts";

const started = "Tue Nov 24 02:53:03 2026";

/** The engine splits ps(1)'s lines at blanks and joins what is left over into the last column. */
function answer(...lines: readonly string[]): object {
  const titles = ["PID", "PPID", "STAT", "ELAPSED", "STARTED", "COMMAND"];
  const rows = lines.map((line) => {
    const words = line.split(/ +/);
    const last = titles.length - 1;
    return [...words.slice(0, last), words.slice(last).join(" ")];
  });
  return { Titles: titles, Processes: rows };
}

describe("readProcessList", () => {
  it("reads titles with blanks and days with one digit", () => {
    const master = "nginx: master process nginx -g daemon off;";
    const list = readProcessList(
      answer(
        `812 790 Ss 61 ${started} ${master}`,
        `830 812 S 9 Sun Nov  1 02:53:03 2026 nginx: worker process`,
      ),
    );
    expect(list).toEqual([
      {
        pid: 812,
        parentPid: 790,
        state: "Ss",
        ageSeconds: 61,
        started,
        title: master,
      },
      {
        pid: 830,
        parentPid: 812,
        state: "S",
        ageSeconds: 9,
        started: "Sun Nov 1 02:53:03 2026",
        title: "nginx: worker process",
      },
    ]);
  });

  it.each([
    null,
    {},
    { Processes: null },
    { Processes: ["812"] },
    { Processes: [["root", "812", "790", "0", "02:53", "?", "nginx"]] },
  ])("is null for another table (%j)", (document) => {
    expect(readProcessList(document)).toBeNull();
  });
});
