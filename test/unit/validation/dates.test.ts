import fc from "fast-check";
import { expect, it } from "vitest";
import { dateFindings } from "../../../src/core/validation/dates.ts";

const day = 24 * 60 * 60 * 1000;
const start = new Date("2026-09-01T00:00:00Z");
const after = (ms: number): Date => new Date(start.getTime() + ms);
const rulesAt = (lifetimeMs: number, ageMs: number): readonly string[] =>
  dateFindings(
    "site",
    { notBefore: start, notAfter: after(lifetimeMs) },
    after(ageMs),
  ).map(({ rule }) => rule);

it.each([
  ["before it begins", 90 * day, -1, ["dates/not-yet-valid"]],
  ["at its first instant", 90 * day, 0, []],
  ["when Certbot should renew", 90 * day, 61 * day, []],
  ["with 22 of 90 days left", 90 * day, 68 * day, []],
  ["with 20 of 90 days left", 90 * day, 70 * day, ["dates/expires-soon"]],
  ["with 2 of 6 days left", 6 * day, 4 * day, []],
  ["with 1 of 6 days left", 6 * day, 5 * day, ["dates/expires-soon"]],
  ["with a year of ten left", 3650 * day, 3285 * day, []],
  [
    "with 20 days of ten years left",
    3650 * day,
    3630 * day,
    ["dates/expires-soon"],
  ],
  ["at its last instant", 90 * day, 90 * day, ["dates/expired"]],
  ["long after it", 90 * day, 900 * day, ["dates/expired"]],
])("%s", (_when, lifetimeMs, ageMs, wanted) => {
  expect(rulesAt(lifetimeMs, ageMs)).toEqual(wanted);
});

it.each([
  [3 * day + 5, "in 3 days"],
  [30 * 60 * 60 * 1000, "in 30 hours"],
  [60 * 60 * 1000, "in less than 2 hours"],
])("says how long %i ms are", (leftMs, words) => {
  const validity = { notBefore: start, notAfter: after(90 * day) };
  const [finding] = dateFindings("site", validity, after(90 * day - leftMs));
  expect(finding?.message).toBe(
    `site expires at 2026-11-30T00:00:00Z, ${words}`,
  );
});

it("calls a certificate sound or not, never both valid and outside of its dates", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1 }), (age, lifetime) => {
      const isValid = age >= 0 && age < lifetime;
      const severities = rulesAt(lifetime, age).filter(
        (rule) => rule !== "dates/expires-soon",
      );
      expect(severities.length === 0).toBe(isValid);
    }),
  );
});
