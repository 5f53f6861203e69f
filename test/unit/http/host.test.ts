import { expect, it } from "vitest";
import { isOwnHost } from "../../../src/adapters/http/host.ts";

it.each([
  [undefined, true],
  ["127.0.0.1:9427", true],
  ["[::1]:9427", true],
  ["localhost", true],
  ["LOCALHOST.:80", true],
  ["web1:9427", true],
  ["192.0.2.7", true],
  ["attacker.example:9427", false],
  ["localhost.attacker.example", false],
  ["web1.attacker.example", false],
  ["127.0.0.1.attacker.example", false],
  ["[attacker.example]", false],
  ["a@127.0.0.1", false],
  ["127.0.0.1:9427, x", false],
  ["", false],
])("a Host header of %j may be answered: %s", (header, isAnswered) => {
  expect(isOwnHost(header, "web1")).toBe(isAnswered);
});
