import { describe, expect, it } from "vitest";
import type { Channel } from "../../../src/core/settings/channels.ts";
import { Concealed } from "../../../src/core/settings/secret.ts";
import { mergeSettings } from "../../../src/core/settings/merge.ts";
import { packOrder, unpackOrder } from "../../../src/service/errands/order.ts";
import type { Order } from "../../../src/service/errands/errand.ts";

const secret = (text: string) =>
  ({ kind: "given", value: new Concealed(text) }) as const;

const channel = {
  kind: "ntfy",
  name: "phone",
  url: secret("https://ntfy.example/x"),
  token: secret("t0ken"),
} as const satisfies Channel;

function orderOf(notify: readonly Channel[]): Order {
  const merged = mergeSettings([]);
  if (merged.kind !== "ok") throw new Error(merged.problems.join());
  return {
    version: "1",
    settings: { ...merged.settings, notify },
    errand: { kind: "deliver" },
  };
}

describe("an order", () => {
  it("is one line, and at its other end the same with its secrets", () => {
    const line = packOrder(orderOf([channel]));
    expect(line).not.toContain("\n");
    const received = unpackOrder(line);
    expect(received).toEqual(orderOf([channel]));
    const [got] = received.settings.notify as [typeof channel];
    expect(got.url.value.reveal()).toBe("https://ntfy.example/x");
    expect(got.token.value.reveal()).toBe("t0ken");
    expect(JSON.stringify(received)).not.toContain("t0ken");
  });
});
