import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  lineageKinds,
  type LineageKind,
} from "../../../src/core/lineage/lineage.ts";
import {
  isSameView,
  lineageState,
  numberedFile,
  type LineageEntry,
  type LineageView,
} from "../../../src/core/lineage/versions.ts";

const archive = "/etc/letsencrypt/archive/example.org";

function link(...targets: readonly string[]): LineageEntry {
  return { kind: "link", targets };
}

/** All four at one version, with what differs. */
function view(
  version: number,
  differing: Partial<Record<LineageKind, LineageEntry>> = {},
  previous: readonly string[] = [],
): LineageView {
  const entry = (kind: LineageKind) =>
    differing[kind] ?? link(`${archive}/${kind}${String(version)}.pem`);
  return {
    entries: {
      cert: entry("cert"),
      privkey: entry("privkey"),
      chain: entry("chain"),
      fullchain: entry("fullchain"),
    },
    previous,
  };
}

const absent: LineageEntry = { kind: "absent" };
const file: LineageEntry = { kind: "file" };

describe("what a lineage's links say about its version", () => {
  it.each<{ title: string; shown: LineageView; state: object }>([
    {
      title: "four links to one number are one version",
      shown: view(7),
      state: { kind: "one", version: 7 },
    },
    {
      title: "numbers are compared as integers, not by their first digit",
      shown: view(12, { fullchain: link(`${archive}/fullchain1.pem`) }),
      state: { kind: "mixed" },
    },
    {
      title: "plain files carry no version",
      shown: view(1, {
        cert: file,
        privkey: file,
        chain: file,
        fullchain: file,
      }),
      state: { kind: "one", version: null },
    },
    {
      title:
        "a file of the user's own among the links does not contradict them",
      shown: view(3, { privkey: file }),
      state: { kind: "one", version: 3 },
    },
    {
      title: "links to files without a number carry no version",
      shown: view(1, {
        cert: link("/srv/pki/leaf.pem"),
        privkey: link("/srv/pki/key.pem"),
        chain: link("/srv/pki/ca.pem"),
        fullchain: link("/srv/pki/all.pem"),
      }),
      state: { kind: "one", version: null },
    },
    {
      title: "the number is found behind a link to a link",
      shown: view(2, {
        cert: link("/srv/live/cert.pem", `${archive}/cert2.pem`),
      }),
      state: { kind: "one", version: 2 },
    },
    {
      title: "an archive file that is itself a link keeps its own number",
      shown: view(2, {
        privkey: link(`${archive}/privkey2.pem`, `${archive}/privkey1.pem`),
      }),
      state: { kind: "one", version: 2 },
    },
    {
      title: "one switched link makes a mixture",
      shown: view(1, { cert: link(`${archive}/cert2.pem`) }),
      state: {
        kind: "mixed",
        reason: "cert.pem is version 2, privkey.pem is version 1",
      },
    },
    {
      title: "equal numbers of two archives make a mixture",
      shown: view(1, { chain: link("/srv/archive/other/chain1.pem") }),
      state: {
        kind: "mixed",
        reason: `cert.pem leads to ${archive}, chain.pem to /srv/archive/other`,
      },
    },
    {
      title: "a link to a file of another kind makes a mixture",
      shown: view(4, { fullchain: link(`${archive}/cert4.pem`) }),
      state: { kind: "mixed", reason: "fullchain.pem leads to cert4.pem" },
    },
    {
      title: "a missing key is a mixture: Certbot is between two links",
      shown: view(1, { privkey: absent }),
      state: { kind: "mixed", reason: "privkey.pem is missing" },
    },
    {
      title: "a missing fullchain is a mixture",
      shown: view(2, { fullchain: absent, privkey: absent }),
      state: {
        kind: "mixed",
        reason: "privkey.pem and fullchain.pem are missing",
      },
    },
    {
      title: "a missing chain.pem is unfinished, since no server needs it",
      shown: view(2, { chain: absent }),
      state: {
        kind: "unfinished",
        version: 2,
        reason: "chain.pem is missing",
      },
    },
    {
      title: "previous links beside one version are unfinished",
      shown: view(5, {}, ["previous_cert.pem"]),
      state: { kind: "unfinished", version: 5 },
    },
    {
      title: "previous links do not excuse a mixture",
      shown: view(5, { chain: link(`${archive}/chain6.pem`) }, [
        "previous_chain.pem",
      ]),
      state: { kind: "mixed" },
    },
    {
      title: "none of the four is an absent lineage",
      shown: view(1, {
        cert: absent,
        privkey: absent,
        chain: absent,
        fullchain: absent,
      }),
      state: { kind: "absent" },
    },
  ])("$title", ({ shown, state }) => {
    expect(lineageState(shown)).toMatchObject(state);
  });

  it("calls it one version exactly when all four numbers are equal", () => {
    const number = fc.integer({ min: 0, max: 20 });
    fc.assert(
      fc.property(fc.tuple(number, number, number, number), (numbers) => {
        const entries = lineageKinds.map((kind, index) => [
          kind,
          link(`${archive}/${kind}${String(numbers[index])}.pem`),
        ]);
        const state = lineageState({
          entries: Object.fromEntries(entries) as LineageView["entries"],
          previous: [],
        });
        expect(state.kind).toBe(new Set(numbers).size === 1 ? "one" : "mixed");
      }),
    );
  });
});

describe("numbered files", () => {
  it.each([
    ["/a/archive/n/privkey12.pem", "/a/archive/n", "privkey", 12],
    ["/a/with space:and\nmore/cert3.pem", "/a/with space:and\nmore", "cert", 3],
    ["/a/fullchain0.pem", "/a", "fullchain", 0],
  ] as const)("reads %j", (path, directory, kind, version) => {
    expect(numberedFile(path)).toEqual({ directory, kind, version });
  });

  it.each([
    "/a/cert.pem",
    "/a/cert01.pem",
    "/a/cert-1.pem",
    "/a/cert1.pem.bak",
    "/a/mycert1.pem",
    "cert1.pem",
    "/a/cert99999999999999999999.pem",
  ])("sees no number of Certbot's in %j", (path) => {
    expect(numberedFile(path)).toBeNull();
  });
});

describe("two looks at a lineage", () => {
  it("are the same when nothing was switched", () => {
    expect(isSameView(view(1), view(1))).toBe(true);
  });

  it.each<[string, LineageView]>([
    ["a link was switched", view(1, { cert: link(`${archive}/cert2.pem`) })],
    ["a link is gone", view(1, { cert: absent })],
    ["a link became a file", view(1, { cert: file })],
    ["a previous link came", view(1, {}, ["previous_cert.pem"])],
  ])("differ when %s", (_, other) => {
    expect(isSameView(view(1), other)).toBe(false);
  });
});
