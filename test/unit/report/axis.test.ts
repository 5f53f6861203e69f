import { describe, expect, it } from "vitest";
import { spanOf, ticksOf } from "../../../src/core/report/axis.ts";

const day = 86_400_000;
const now = Date.parse("2026-11-24T00:00:00Z");
const life = (from: number, to: number) => ({
  from: now + from * day,
  to: now + to * day,
});

describe("the time axis", () => {
  it("shows certificates of ninety days as a whole", () => {
    expect(spanOf([life(-60, 30), life(-1, 89)], now)).toEqual(life(-60, 89));
  });

  it("does not stretch for one of ten years beside them", () => {
    expect(spanOf([life(-900, 2_750), life(-10, 80)], now)).toEqual(
      life(-10, 80),
    );
  });

  it("shows as much of one of ten years alone as matters", () => {
    expect(spanOf([life(-900, 2_750)], now)).toEqual(life(-200, 400));
  });

  it("has room around the present where there is nothing", () => {
    expect(spanOf([], now)).toEqual(life(-1, 2));
  });

  it.each([
    [life(-40, 70), 6, ["Nov", "Dec", "2027", "Feb"]],
    [life(-3, 3), 5, ["21 Nov", "23 Nov", "25 Nov", "27 Nov"]],
    [life(-200, 400), 4, ["Jul", "2027", "Jul"]],
  ])("has round ticks", (span, most, labels) => {
    const ticks = ticksOf(span, most);
    expect(ticks.map(({ label }) => label)).toEqual(labels);
    for (const { at } of ticks) {
      expect(at).toBeGreaterThanOrEqual(span.from);
      expect(at).toBeLessThanOrEqual(span.to);
      expect(at % day).toBe(0);
    }
  });
});
