import { describe, expect, it } from "vitest";
import {
  checkableNames,
  nameFindings,
} from "../../../src/core/validation/names.ts";

const covering =
  (...names: string[]) =>
  (name: string): boolean =>
    names.includes(name);

describe("nameFindings", () => {
  it("calls a name lost that the present certificate covers and the new one does not", () => {
    const uses = [
      {
        serverName: "b.example",
        presentCovers: covering("a.example", "b.example"),
      },
    ];
    expect(nameFindings("example", uses, covering("a.example"))).toMatchObject([
      { rule: "names/lost", severity: "regression", subject: "b.example" },
    ]);
  });

  it("only warns of a name that was not covered before either", () => {
    const uses = [
      { serverName: "c.example", presentCovers: covering("a.example") },
    ];
    expect(nameFindings("example", uses, covering("a.example"))).toMatchObject([
      { rule: "names/not-covered", severity: "warning", subject: "c.example" },
    ]);
  });

  it("says lost once when one of two blocks loses the name", () => {
    const uses = [
      { serverName: "b.example", presentCovers: null },
      { serverName: "B.example.", presentCovers: covering("b.example") },
    ];
    expect(nameFindings("example", uses, covering())).toMatchObject([
      { rule: "names/lost", subject: "b.example" },
    ]);
  });

  it("says nothing of covered names", () => {
    expect(
      nameFindings(
        "example",
        [{ serverName: "a.example", presentCovers: null }],
        covering("a.example"),
      ),
    ).toEqual([]);
  });
});

describe("checkableNames", () => {
  it.each([
    ["example.org", ["example.org"]],
    ["EXAMPLE.org.", ["example.org"]],
    ["*.example.org", ["certprobe.example.org"]],
    [".example.org", ["example.org", "certprobe.example.org"]],
    ["xn--bcher-kva.example", ["xn--bcher-kva.example"]],
    ["my_host.example.org", ["my_host.example.org"]],
    ["192.0.2.1", ["192.0.2.1"]],
    ["_", []],
    ["", []],
    ['""', []],
    ["mail.*", []],
    ["~^www\\.", []],
    ["$hostname", []],
    ["__", []],
  ])("%s stands for %j", (serverName, probes) => {
    expect(checkableNames(serverName).map(({ probe }) => probe)).toEqual(
      probes,
    );
  });
});
