import { describe, expect, it } from "vitest";
import {
  formatEndpoint,
  parseEndpoint,
} from "../../../src/core/settings/endpoint.ts";

describe("where the service answers HTTP", () => {
  it.each([
    ["off", { kind: "off" }],
    ["unix:/run/x.sock", { kind: "unix", path: "/run/x.sock" }],
    ["127.0.0.1:9427", { kind: "tcp", address: "127.0.0.1", port: 9427 }],
    ["0.0.0.0:0", { kind: "tcp", address: "0.0.0.0", port: 0 }],
    ["[::1]:9427", { kind: "tcp", address: "::1", port: 9427 }],
  ])("is read from %s and written as that again", (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
    expect(formatEndpoint(parseEndpoint(text) ?? { kind: "off" })).toBe(text);
  });

  it("takes localhost for the loopback address, whatever a resolver says", () => {
    expect(parseEndpoint("localhost:80")).toEqual({
      kind: "tcp",
      address: "127.0.0.1",
      port: 80,
    });
  });

  it.each([
    "",
    "unix:",
    "9427",
    ":9427",
    "127.0.0.1",
    "127.0.0.1:65536",
    "127.0.0.1:-1",
    "256.0.0.1:80",
    "1.2.3:80",
    "::1:9427",
    "[9427]:1",
    "example.org:80",
    "http://127.0.0.1:9427",
  ])("is not read from %j", (text) => {
    expect(parseEndpoint(text)).toBeNull();
  });
});
