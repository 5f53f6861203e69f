/** What there is to look after, as the watcher knows it, and what a change in a directory means to it. */
import type { Place } from "../adapters/watcher/watching.ts";

export interface Surroundings {
  /** How many certificate sources Nginx was last seen to load. */
  readonly sources: number;
  readonly lineages: readonly (readonly [path: string, name: string])[];
  /** By subject: under which ids the state keeps what was seen of it. */
  readonly records: readonly (readonly [
    subject: string,
    ids: readonly string[],
  ])[];
  /** By directory. */
  readonly meanings: readonly (readonly [
    directory: string,
    meanings: readonly Meaning[],
  ])[];
}

export type Meaning =
  /** Lineages have come or gone. */
  | { readonly kind: "lineages" }
  /** A run, of anybody, has recorded what failed, or that it fails no more. */
  | { readonly kind: "pending" }
  /** `names`: only these entries matter; null: all. */
  | {
      readonly kind: "subject";
      readonly subject: string;
      readonly names: readonly string[] | null;
    }
  | {
      readonly kind: "configuration";
      /** Entries that are known to matter. */
      readonly names: readonly string[];
      /** Nginx writes here itself, so that other entries say nothing. */
      readonly isBusy: boolean;
    };

/** The same, to be looked up. */
export interface Known {
  readonly sources: number;
  readonly lineages: ReadonlyMap<string, string>;
  readonly records: ReadonlyMap<string, readonly string[]>;
  readonly meanings: ReadonlyMap<string, readonly Meaning[]>;
}

export const nothingKnown: Known = {
  sources: 0,
  lineages: new Map(),
  records: new Map(),
  meanings: new Map(),
};

export function toKnown(surroundings: Surroundings): Known {
  const { sources, lineages, records, meanings } = surroundings;
  return {
    sources,
    lineages: new Map(lineages),
    records: new Map(records),
    meanings: new Map(meanings),
  };
}

export function placesOf({ meanings }: Known): readonly Place[] {
  return [...meanings].map(([directory, all]) => ({
    directory,
    manner: all.every(({ kind }) => kind === "subject" || kind === "pending")
      ? "plain"
      : "coarse",
  }));
}

/** What a change of this entry means; nothing for entries that are none of ours. */
export function isMeant(meaning: Meaning, name: string | null): boolean {
  if (name === null) return true;
  switch (meaning.kind) {
    case "lineages":
      return name !== "README";
    case "pending":
      return name.endsWith(".json");
    case "subject":
      return meaning.names?.includes(name) ?? name !== "README";
    case "configuration":
      return (
        meaning.names.includes(name) || (!meaning.isBusy && !isByTheWay(name))
      );
  }
}

/** Whose files these are that changed. */
export function subjectsOf(meanings: readonly Meaning[]): readonly string[] {
  return meanings.flatMap((meaning) =>
    meaning.kind === "subject" ? [meaning.subject] : [],
  );
}

/** What editors and daemons leave lying about beside configuration files. */
function isByTheWay(name: string): boolean {
  return /^\.|~$|\.(?:log|pid|swp|swx|tmp|dpkg-\w+)$/.test(name);
}
