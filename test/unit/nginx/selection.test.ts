import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { NginxModel } from "../../../src/core/nginx/model.ts";
import { selectServer } from "../../../src/core/nginx/selection.ts";
import { fixtureModel, modelOf, modelOfHttp } from "./fixture.ts";

const pair = "ssl_certificate c; ssl_certificate_key k;";

/** `kind` and the first name of the block, or its line. */
function select(
  model: NginxModel,
  address: string,
  servername: string | null,
  context: "http" | "stream" | "mail" = "http",
): string {
  const selected = selectServer(model, { context, address, servername });
  return selected.kind === "none"
    ? "none"
    : `${selected.kind} ${selected.server.serverNames[0] ?? selected.server.line}`;
}

/** One block per list of names, all on port 443. */
function blocks(...lists: readonly string[]): NginxModel {
  return modelOfHttp(
    lists
      .map((names, index) => {
        const own = names === "" ? "" : `server_name ${index}.id ${names};`;
        return `server { listen 443 ssl; ${own} ${pair} }`;
      })
      .join("\n"),
  );
}

describe("by name", () => {
  it.each([
    [
      "exact before wildcards",
      ["x.test", "*.b.test", "a.b.test"],
      "A.b.Test",
      "2.id",
    ],
    ["a trailing dot is ignored", ["x.test", "a.test"], "a.test.", "1.id"],
    [
      "the longest leading wildcard",
      ["x.test", "*.test", "*.b.test"],
      "a.b.test",
      "2.id",
    ],
    [
      "a leading wildcard over several labels",
      ["x.test", "*.test"],
      "a.b.test",
      "1.id",
    ],
    [
      "a leading wildcard is not the name itself",
      ["x.test", "*.b.test"],
      "b.test",
      "0.id",
    ],
    [
      "a leading dot is the name itself too",
      ["x.test", ".b.test"],
      "b.test",
      "1.id",
    ],
    [
      "a leading dot is a wildcard too",
      ["x.test", ".b.test"],
      "a.b.test",
      "1.id",
    ],
    ["leading before trailing", ["x.test", "a.*", "*.test"], "a.test", "2.id"],
    [
      "the longest trailing wildcard",
      ["x.test", "a.*", "a.b.*"],
      "a.b.test",
      "2.id",
    ],
    ["a trailing wildcard needs a label", ["x.test", "a.b.*"], "a.b", "0.id"],
    [
      "trailing before regular expressions",
      ["x.test", "~^a", "a.*"],
      "a.test",
      "2.id",
    ],
    ["the first regular expression", ["x.test", "~b", "~^a"], "a.b", "1.id"],
    [
      "the default server for what nobody knows",
      ["x.test", "y.test"],
      "z.test",
      "0.id",
    ],
    ["the default server without SNI", ["x.test", '""'], null, "0.id"],
    [
      "the machine's own name",
      ["x.test", "$hostname"],
      "machine.example",
      "1.id",
    ],
    ["an underscore catches nothing", ["x.test", "_"], "z.test", "0.id"],
    [
      "the first of duplicates",
      ["x.test", "a.test", "a.test"],
      "a.test",
      "1.id",
    ],
    [
      "the first of duplicate wildcards",
      ["x.test", "*.a.test", ".a.test"],
      "b.a.test",
      "1.id",
    ],
    [
      "a wildcard's bare twin is ignored",
      ["x.test", "*.a.test", ".a.test"],
      "a.test",
      "0.id",
    ],
    [
      "and keeps the bare name from others",
      ["x.test", "*.a.test", ".a.test", "a.test"],
      "a.test",
      "0.id",
    ],
    [
      "an exact name takes a leading dot's wildcard as well",
      ["x.test", "a.test", ".a.test"],
      "b.a.test",
      "0.id",
    ],
    [
      "invalid names are none",
      ["x.test", "*.a.*", "a..test"],
      "a..test",
      "0.id",
    ],
  ])("%s", (_, lists, servername, expected) => {
    expect(select(blocks(...lists), "0.0.0.0:443", servername)).toBe(
      `server ${expected}`,
    );
  });

  test("a regular expression that JavaScript cannot read leaves the answer open", () => {
    const model = blocks("x.test", "~^[[:alpha:]]+$", "~^a");
    expect(select(model, "0.0.0.0:443", "abc")).toBe("uncertain 1.id");
    expect(select(model, "0.0.0.0:443", "x.test")).toBe("server 0.id");
    expect(select(model, "0.0.0.0:443", null)).toBe("server 0.id");
  });
});

describe("by address", () => {
  const model = modelOfHttp(`
    server { listen 443 ssl; listen [::]:443 ssl ipv6only=off; listen [::]:444 ssl ipv6only=off; server_name any.test; ${pair} }
    server { listen 127.0.0.1:443 ssl; listen [::1]:443; server_name one.test; ${pair} }
    server { listen 127.0.0.1:443 default_server; listen unix:/run/a.sock ssl; server_name two.test; ${pair} }
    server { listen localhost:445 ssl; listen 443 quic; server_name local.test; ${pair} }
    server { listen 443 quic default_server; server_name h3.test; ${pair} }
  `);
  it.each([
    ["0.0.0.0:443", "any.test", "server any.test"],
    ["192.0.2.1:443", "one.test", "server any.test"],
    ["127.0.0.1:443", "any.test", "server two.test"],
    ["127.0.0.1:443", "one.test", "server one.test"],
    ["127.0.0.1:443", null, "server two.test"],
    ["[::1]:443", "any.test", "server one.test"],
    ["[::2]:443", "x", "server any.test"],
    ["127.0.0.1:444", null, "server any.test"],
    ["127.0.0.1:445", null, "server local.test"],
    ["localhost:445", null, "server local.test"],
    ["unix:/run/a.sock", "one.test", "server two.test"],
    ["unix:/run/b.sock", null, "none"],
    ["127.0.0.1:446", null, "none"],
    ["[::1]:445", null, "none"],
  ])("%s asked for %s", (address, servername, expected) => {
    expect(select(model, address, servername)).toBe(expected);
  });

  test("each context has its own addresses, and mail knows no SNI", () => {
    const both = fixtureModel("mail-and-stream");
    expect(select(both, "0.0.0.0:993", "pop.test", "mail")).toBe(
      "server mail.test",
    );
    expect(select(both, "0.0.0.0:993", null, "http")).toBe("none");
    expect(select(both, "0.0.0.0:8444", null, "stream")).toBe("server db.test");
  });
});

test("a refusing block refuses its names only, and a block without a pair borrows the default server's", () => {
  const model = modelOfHttp(`
    server { listen 443 ssl; server_name default.test; ${pair} }
    server { listen 443 ssl; server_name refuses.test; ssl_reject_handshake on; }
    server { listen 443; server_name bare.test; }
  `);
  expect(select(model, "0.0.0.0:443", "refuses.test")).toBe(
    "rejects refuses.test",
  );
  expect(select(model, "0.0.0.0:443", "bare.test")).toBe("server default.test");
  expect(select(model, "0.0.0.0:443", "other.test")).toBe(
    "server default.test",
  );
});

test("a model that was stored selects as before", () => {
  const model = blocks("x.test", "a.test");
  const stored = JSON.parse(JSON.stringify(model)) as NginxModel;
  expect(select(stored, "0.0.0.0:443", "a.test")).toBe("server 1.id");
});

/** The rules of the documentation, word for word, without any table. */
function naive(lists: readonly (readonly string[])[], name: string): number {
  const owners = lists.flatMap((names, index) =>
    names.map((written) => ({ written, index })),
  );
  const labels = name.split(".");
  const leading = labels
    .slice(1)
    .map((_, cut) => `*.${labels.slice(cut + 1).join(".")}`);
  const trailing = labels
    .slice(1)
    .map((_, cut) => `${labels.slice(0, labels.length - 1 - cut).join(".")}.*`);
  for (const wanted of [name, ...leading, ...trailing]) {
    const owner = owners.find(({ written }) => written === wanted);
    if (owner) return owner.index;
  }
  const regex = owners.find(
    ({ written }) =>
      written.startsWith("~") && new RegExp(written.slice(1)).test(name),
  );
  return regex?.index ?? 0;
}

test("agrees with the rules told one after the other", () => {
  const label = fc.constantFrom("a", "b", "c");
  const dns = fc
    .array(label, { minLength: 1, maxLength: 3 })
    .map((labels) => labels.join("."));
  const written = fc.oneof(
    dns,
    dns.map((name) => `*.${name}`),
    dns.map((name) => `${name}.*`),
    fc.constantFrom("~^a", "~b$", "~^.[.]", "~^(?:a|b)+$"),
  );
  const lists = fc.array(fc.array(written, { maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(lists, dns, (names, asked) => {
      const model = modelOf({
        "/n": `http {${names
          .map(
            (list) =>
              `server { listen 443 ssl; ${list.map((name) => `server_name ${name};`).join("")} ${pair} }\n`,
          )
          .join("")}}`,
      });
      const selected = selectServer(model, {
        context: "http",
        address: "0.0.0.0:443",
        servername: asked,
      });
      expect(selected).toEqual({
        kind: "server",
        server: model.servers[naive(names, asked)],
      });
    }),
    { numRuns: 500 },
  );
});
