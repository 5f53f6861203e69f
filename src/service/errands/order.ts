/** An order as a line of JSON, secrets in the open: it goes through a pipe from us to ourselves and nowhere else. */
import { Concealed } from "../../core/settings/secret.ts";
import type { Settings } from "../../core/settings/settings.ts";
import type { Order } from "./errand.ts";

interface Opened {
  readonly concealed: string;
}

export function packOrder(order: Order): string {
  return JSON.stringify(order, openSecret);
}

/** Secrets, too. */
export function areSame(one: Settings, other: Settings): boolean {
  const [first, second] = [one, other].map((settings) =>
    JSON.stringify(settings, openSecret),
  );
  return first === second;
}

/** Only our own parent writes it. */
export function unpackOrder(line: string): Order {
  return JSON.parse(line, concealAgain) as Order;
}

function openSecret(
  this: Readonly<Record<string, unknown>>,
  key: string,
  value: unknown,
): unknown {
  const original = this[key];
  return original instanceof Concealed
    ? ({ concealed: original.reveal() } satisfies Opened)
    : value;
}

function concealAgain(_: string, value: unknown): unknown {
  return isOpened(value) ? new Concealed(value.concealed) : value;
}

function isOpened(value: unknown): value is Opened {
  return (
    typeof value === "object" &&
    value !== null &&
    "concealed" in value &&
    typeof value.concealed === "string"
  );
}
