import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  distinguishedName,
  subjectAltNames,
} from "../../../src/core/certificate/text.ts";

describe("a distinguished name", () => {
  it.each([
    ["C=DE\nO=Example\nCN=example.org", "CN=example.org, O=Example, C=DE"],
    ["CN=example.org", "CN=example.org"],
    ["", ""],
    [undefined, ""],
  ])("%j reads %j", (lines, wanted) => {
    expect(distinguishedName(lines)).toBe(wanted);
  });
});

describe("subject alternative names", () => {
  it.each([
    ["", []],
    ["DNS:a.example", ["DNS:a.example"]],
    [
      "DNS:a.example, DNS:*.b.example, IP Address:192.0.2.1",
      ["DNS:a.example", "DNS:*.b.example", "IP:192.0.2.1"],
    ],
    [
      "IP Address:2001:DB8:0:0:0:0:0:1, email:me@x.example",
      ["IP:2001:DB8:0:0:0:0:0:1", "email:me@x.example"],
    ],
    [
      String.raw`DNS:"a.example\u002c DNS:b.example", DNS:c.example`,
      ["DNS:a.example, DNS:b.example", "DNS:c.example"],
    ],
    [String.raw`DNS:"say \"hi\", you"`, ['DNS:say "hi", you']],
    ["URI:https://x.example/?a,b", ["URI:https://x.example/?a,b"]],
    ["othername:<unsupported>", ["othername:<unsupported>"]],
    ["DNS:", ["DNS:"]],
  ])("%s", (text, wanted) => {
    expect(subjectAltNames(text)).toEqual(wanted);
  });

  it("never throw, and never become more than what stands between the commas", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(subjectAltNames(text).length).toBeLessThanOrEqual(
          text.split(", ").length + text.split('"').length,
        );
      }),
    );
  });
});
