import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeRenewal } from "../../../src/core/expiry/renewal.ts";

const dayMs = 86_400_000;
const issued = new Date("2026-01-01T00:00:00Z");

function judge(
  lifetimeDays: number,
  ageDays: number,
  floorsDays: readonly number[] = [],
) {
  return judgeRenewal({
    notBefore: issued,
    notAfter: at(lifetimeDays),
    now: at(ageDays),
    floorsMs: floorsDays.map((days) => days * dayMs),
  });
}

function at(days: number): Date {
  return new Date(issued.getTime() + days * dayMs);
}

describe("a renewal", () => {
  it.each([
    { lifetime: 90, due: 60 },
    { lifetime: 45, due: 30 },
    { lifetime: 398, due: 398 * (2 / 3) },
    { lifetime: 10, due: 10 * (2 / 3) },
    { lifetime: 9.9, due: 4.95 },
    { lifetime: 6, due: 3 },
    { lifetime: 1, due: 0.5 },
  ])(
    "of a certificate of $lifetime days is due after $due days",
    ({ lifetime, due }) => {
      const minute = 1 / 1440;
      expect(judge(lifetime, due - minute)).toMatchObject({ overdue: false });
      expect(judge(lifetime, due + minute)).toMatchObject({
        overdue: true,
        expired: false,
      });
      const { renewalDue } = judge(lifetime, 0);
      expect(Math.abs(renewalDue.getTime() - at(due).getTime())).toBeLessThan(
        2,
      );
    },
  );

  it.each([
    { lifetime: 90, floors: [40], due: 50 },
    { lifetime: 90, floors: [7, 14], due: 60 },
    { lifetime: 90, floors: [60], due: 60 },
    { lifetime: 6, floors: [21], due: 3 },
  ])(
    "of a certificate of $lifetime days with floors of $floors days is due after $due days",
    ({ lifetime, floors, due }) => {
      expect(judge(lifetime, 0, floors).renewalDue).toEqual(at(due));
    },
  );

  it("is not overdue at the very moment at which it becomes due", () => {
    expect(judge(90, 60).overdue).toBe(false);
  });

  it("is overdue for a certificate whose dates make no sense", () => {
    expect(judge(-3, 0)).toMatchObject({
      overdue: true,
      expired: true,
      remainingShare: 0,
    });
  });

  it("has nothing left from the second of notAfter on", () => {
    expect(judge(90, 90)).toMatchObject({ expired: true, remainingShare: 0 });
    expect(judge(90, 200).remainingShare).toBe(0);
    expect(judge(90, -1).remainingShare).toBe(1);
  });
});

describe("as time goes on", () => {
  it("what is overdue stays so, and expired is always overdue", () => {
    const days = fc.double({ min: 0, max: 1000, noNaN: true });
    fc.assert(
      fc.property(
        days,
        days,
        days,
        fc.array(days),
        (life, one, two, floors) => {
          const earlier = judge(life, Math.min(one, two), floors);
          const later = judge(life, Math.max(one, two), floors);
          expect(later.overdue).toBe(later.overdue || earlier.overdue);
          expect(later.overdue || !later.expired).toBe(true);
          expect(later.remainingShare).toBeLessThanOrEqual(
            earlier.remainingShare,
          );
        },
      ),
    );
  });
});
