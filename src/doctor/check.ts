/** Checks as data: each looks at one thing, says in terms of the user's files what it saw, and names what mends it. */
import type { Machine } from "./machine.ts";

export const groups = [
  "hooks",
  "nginx",
  "containers",
  "certificates",
  "renewal",
  "livecert",
] as const;
export type Group = (typeof groups)[number];

export type Verdict =
  | "ok"
  /** Look when you have time. */
  | "warning"
  /** A certificate will not go live, or something is in danger. */
  | "problem"
  /** Could not be looked at. */
  | "unknown";

/** What one look at one thing said. */
export interface Diagnosis {
  readonly verdict: Verdict;
  readonly message: string;
  /** The one command, or change of a file, that mends it. */
  readonly remedy: string | null;
}

export interface Check {
  readonly group: Group;
  /** Unique within its group; `GROUP/NAME` is its section in docs/doctor.md. */
  readonly name: string;
  /** Ends a sentence that begins with "looks at". */
  readonly looksAt: string;
  /** At least one diagnosis; several where several things are wrong. Changes nothing. */
  look(machine: Machine): Promise<readonly Diagnosis[]>;
}

export interface CheckReport extends Diagnosis {
  readonly group: Group;
  readonly name: string;
}

export function ok(message: string): Diagnosis {
  return { verdict: "ok", message, remedy: null };
}

export function warning(message: string, remedy: string | null): Diagnosis {
  return { verdict: "warning", message, remedy };
}

export function problem(message: string, remedy: string | null): Diagnosis {
  return { verdict: "problem", message, remedy };
}

export function unknown(
  message: string,
  remedy: string | null = null,
): Diagnosis {
  return { verdict: "unknown", message, remedy };
}

/** What was found, or that all is well. */
export function foundOr(
  found: readonly Diagnosis[],
  message: string,
): readonly Diagnosis[] {
  return found.length > 0 ? found : [ok(message)];
}

/** The first few of many, for a sentence. */
export function fewOf(words: readonly string[]): string {
  const shown = words.slice(0, 3).join(", ");
  return words.length > 3
    ? `${shown} and ${String(words.length - 3)} more`
    : shown;
}

/** `1 lineage`, `2 lineages`. */
export function counted(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? "" : "s"}`;
}
