import fc from "fast-check";
import { expect, it, test } from "vitest";
import {
  isIpAddress,
  normaliseIp,
  parseListenAddress,
} from "../../../src/core/nginx/address.ts";

it.each([
  ["443", "ipv4", "0.0.0.0", 443, 443],
  ["*:443", "ipv4", "0.0.0.0", 443, 443],
  ["*", "ipv4", "0.0.0.0", 80, 80],
  ["0.0.0.0:443", "ipv4", "0.0.0.0", 443, 443],
  ["192.0.2.1", "ipv4", "192.0.2.1", 80, 80],
  ["192.0.02.1:8443", "ipv4", "192.0.2.1", 8443, 8443],
  ["8443-8445", "ipv4", "0.0.0.0", 8443, 8445],
  ["127.0.0.1:1-2", "ipv4", "127.0.0.1", 1, 2],
  ["127.0.0.1:018443", "ipv4", "127.0.0.1", 18443, 18443],
  ["[::]:443", "ipv6", "[::]", 443, 443],
  ["[2001:DB8:0:0:0::1]", "ipv6", "[2001:db8::1]", 80, 80],
  ["localhost:443", "name", "localhost", 443, 443],
  ["Www.Example.org:443", "name", "www.example.org", 443, 443],
])("listen %s", (value, kind, host, first, last) => {
  expect(parseListenAddress(value, 80)).toEqual({
    kind,
    host,
    ports: { first, last },
  });
});

test("a unix socket has no port", () => {
  expect(parseListenAddress("unix:/run/a:b.sock", 80)).toEqual({
    kind: "unix",
    host: "/run/a:b.sock",
    ports: null,
  });
});

it.each([
  "",
  "0",
  "65536",
  "445-443",
  "[::1",
  "[1::2::3]:443",
  "a:b:443",
  "[::g]",
])("refuses %j", (value) => {
  expect(parseListenAddress(value, 80)).toBeNull();
});

test("a port must be given where there is no default", () => {
  expect(parseListenAddress("127.0.0.1", null)).toBeNull();
  expect(parseListenAddress("127.0.0.1:25", null)).not.toBeNull();
});

it.each([
  ["::1", "::1"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["10:0:0:1:100:0:0:0", "10:0:0:1:100::"],
  ["::FFFF:192.0.2.1", "::ffff:192.0.2.1"],
  ["::ffff:c000:201", "::ffff:192.0.2.1"],
  ["1:2:3:4:5:6:7", null],
  ["1:2:3:4:5:6:7:8:9", null],
  ["1.2.3", null],
  ["1.2.3.256", null],
  ["::1.2.3.256", null],
  ["example.org", null],
])("%s is %s in its one form", (text, expected) => {
  expect(normaliseIp(text)).toBe(expected);
});

test("the one form of an address is a form of itself", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
      const once = normaliseIp(address) ?? "";
      expect(normaliseIp(once)).toBe(once);
    }),
  );
});

it.each([
  ["192.0.2.1", true],
  ["[::1]", true],
  ["::1", true],
  ["1.2.3", false],
  ["example.org", false],
  ["a:b", false],
])("%s is an address: %s", (text, expected) => {
  expect(isIpAddress(text)).toBe(expected);
});
