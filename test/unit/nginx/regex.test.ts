import { describe, expect, it } from "vitest";
import { readRegex } from "../../../src/core/nginx/regex.ts";

describe("a regular expression of server_name", () => {
  it.each([
    [String.raw`^www\d*\.example\.com$`, "www12.example.com"],
    [String.raw`^(?<sub>.+)\.example\.com$`, "a.b.example.com"],
    [String.raw`^(www\.)?(?<domain>.+)$`, "example.com"],
    [String.raw`^([a-z0-9-]+\.)*example\.(com|net)$`, "a.b.example.net"],
    [String.raw`^((?:[^.]+\.)+)test$`, "a.b.test"],
    [String.raw`^(.+)-(.+)-(.+)\.preview\.test$`, "a-b-c.preview.test"],
    [String.raw`^[a-z]{2,3}\.(?:cdn|img){1}\.test$`, "eu.cdn.test"],
    [String.raw`^(?:a|bc)+\.test$`, "abca.test"],
    [String.raw`^(?!www\.).*\.test$`, "a.test"],
  ])("%s is tried", (source, name) => {
    expect(readRegex(source)?.test(name)).toBe(true);
  });

  it.each([
    String.raw`^(a|a)*$`,
    String.raw`^(a+)+$`,
    String.raw`^([a-z]+)*\.test$`,
    String.raw`^(?:(?:a?)b*){2,}$`,
    String.raw`^(([a-z]+\.)*)*test$`,
    String.raw`^(?:a|ab|)+$`,
    String.raw`^(a?){40}a{40}$`,
    String.raw`^([^-]+\.)*test$`,
    String.raw`^.*.*.*.*.*.*=$`,
    String.raw`^(?:\w+[.])+(?:\w|\d)+$`,
  ])("%s could keep it busy for ever, so it is not", (source) => {
    expect(readRegex(source)).toBeNull();
  });
});
