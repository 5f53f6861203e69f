/**
 * The whole decision table. A pure function of what is on disk, what is configured, what is served and what was
 * recorded; it neither reads a clock nor logs. Rows apply in their order; the first that applies decides.
 */
import type { Finding } from "../validation/finding.ts";
import type { Outcome } from "./outcome.ts";

/** What the probes of one source showed, in relation to the on-disk bundle. */
export type Served =
  /** Every point that could be judged shows the on-disk bundle. */
  | { readonly kind: "same" }
  /** At least one point shows another certificate or refuses the handshake. */
  | { readonly kind: "different" }
  /** No point could be judged. */
  | { readonly kind: "unseen"; readonly evidence: Evidence };

/**
 * The second-best: all workers started after (`loaded`) or not all after (`not-loaded`) the files changed; or after, but
 * only edited configuration that they have not loaded names the files (`configuration-pending`).
 */
export type Evidence = "loaded" | "not-loaded" | "configuration-pending";

/** Another source that the same reload would bring live. */
export interface Obstacle {
  /** Named as the user would: lineage name or certificate file. */
  readonly label: string;
  readonly severity: "fatal" | "regression";
  readonly message: string;
  /** From here on it holds nobody back any more. */
  readonly until: Date;
}

export interface Situation {
  /** Fatal findings of this source. */
  readonly fatal: readonly Finding[];
  /** Regressions that the no-regression rule does not tolerate. */
  readonly regressions: readonly Finding[];
  readonly nginx: "running" | "not-running" | "stopped-by-certbot";
  /** Nginx's own test. `unknown`: it could not be asked. */
  readonly configuration: "ok" | "refused" | "unknown";
  /** Nginx loads this source. */
  readonly isReferenced: boolean;
  /** The source is an older version of a lineage: a copy, or a link into `archive/`. */
  readonly isOutdatedCopy: boolean;
  /** Mounted singly into its container, which keeps the file of that day: no reload loads another one. */
  readonly isPinned: boolean;
  /** The path holds a variable: Nginx loads it at each handshake. */
  readonly isDynamic: boolean;
  readonly served: Served;
  /** Reloads already made for this very on-disk state, configuration and master. */
  readonly reloadsMade: number;
  /** An earlier run signalled this generation's master, and it is still at work. */
  readonly isStillReloading: boolean;
  /** The master is stopped by a signal (process state T). */
  readonly masterIsStopped: boolean;
  readonly obstacles: readonly Obstacle[];
  /** Old worker generations that still drain. */
  readonly drainingGenerations: number;
  readonly drainingLimit: number;
  /** A served certificate is near its end or past it. */
  readonly isUrgent: boolean;
  /** Edited configuration that Nginx has not loaded must rest before a reload that nobody asked for. */
  readonly configurationMustRest: boolean;
  readonly isForced: boolean;
  readonly isDryRun: boolean;
  readonly now: Date;
}

export type Decision =
  | {
      readonly kind: "conclude";
      readonly row: Row["name"];
      readonly outcome: Outcome;
    }
  | { readonly kind: "reload"; readonly row: Row["name"] };

export const reloadLimit = 2;

interface Row {
  readonly name: string;
  readonly applies: (situation: Situation) => boolean;
  /** null: reload. */
  readonly outcome: Outcome | null;
}

export const decisionTable = [
  {
    name: "fatal-finding",
    applies: (s) => s.fatal.length > 0,
    outcome: "rejected",
  },
  {
    name: "stopped-by-certbot",
    applies: (s) => s.nginx === "stopped-by-certbot",
    outcome: "deferred",
  },
  {
    name: "not-running",
    applies: (s) => s.nginx === "not-running",
    outcome: "not-running",
  },
  {
    name: "configuration-refused",
    applies: (s) => s.configuration === "refused",
    outcome: "config-invalid",
  },
  {
    name: "configuration-unknown",
    applies: (s) => s.configuration === "unknown",
    outcome: "reload-failed",
  },
  { name: "outdated-copy", applies: (s) => s.isOutdatedCopy, outcome: "stale" },
  {
    name: "not-referenced",
    applies: (s) => !s.isReferenced,
    outcome: "unused",
  },
  {
    name: "regression",
    applies: (s) => s.regressions.length > 0,
    outcome: "rejected",
  },
  {
    name: "already-served",
    applies: (s) => s.served.kind === "same",
    outcome: "live",
  },
  { name: "pinned-mount", applies: (s) => s.isPinned, outcome: "stale" },
  {
    name: "loaded-by-evidence",
    applies: (s) => hasEvidence(s, "loaded"),
    outcome: "unverified",
  },
  {
    name: "configuration-pending",
    applies: (s) => hasEvidence(s, "configuration-pending") && !s.isForced,
    outcome: "unverified",
  },
  {
    name: "dynamic",
    applies: (s) => s.isDynamic && s.served.kind === "different",
    outcome: "stale",
  },
  {
    name: "dynamic-unseen",
    applies: (s) => s.isDynamic,
    outcome: "unverified",
  },
  {
    name: "still-reloading",
    applies: (s) => s.isStillReloading,
    outcome: "reloading",
  },
  {
    name: "reload-limit",
    applies: (s) => s.reloadsMade >= reloadLimit && !s.isForced,
    outcome: "stale",
  },
  {
    name: "master-stopped",
    applies: (s) => s.masterIsStopped,
    outcome: "reload-failed",
  },
  {
    name: "held-back",
    applies: (s) => activeObstacles(s).length > 0,
    outcome: "blocked",
  },
  {
    name: "draining",
    applies: (s) => s.drainingGenerations >= s.drainingLimit && !s.isUrgent,
    outcome: "stale",
  },
  {
    name: "configuration-resting",
    applies: (s) => s.configurationMustRest,
    outcome: "stale",
  },
  { name: "dry-run", applies: (s) => s.isDryRun, outcome: "stale" },
  { name: "reload", applies: () => true, outcome: null },
] as const satisfies readonly Row[];

export type DecisionRow = (typeof decisionTable)[number]["name"];

/** Which row decides, and what follows: an outcome, or a reload whose result `decideAfterReload` then judges. */
export function decide(
  situation: Situation,
): Decision & { readonly row: DecisionRow } {
  for (const { name, applies, outcome } of decisionTable) {
    if (!applies(situation)) continue;
    return outcome === null
      ? { kind: "reload", row: name }
      : { kind: "conclude", row: name, outcome };
  }
  throw new Error("the last row of the decision table applies to everything");
}

/** Rows that only say why no reload is made on account of this source. */
const waiting: ReadonlySet<DecisionRow> = new Set([
  "reload-limit",
  "held-back",
  "draining",
  "configuration-resting",
]);

/** What becomes of a source when Nginx is reloaded on account of another: that reload loads this one's files too. */
export function decideAlong(
  situation: Situation,
  alone: Decision & { readonly row: DecisionRow },
): Decision & { readonly row: DecisionRow } {
  if (!waiting.has(alone.row)) return alone;
  return situation.isDryRun
    ? { kind: "conclude", row: "dry-run", outcome: "stale" }
    : { kind: "reload", row: "reload" };
}

/** Obstacles that still hold this source back; `--force` overrides regressions elsewhere, never fatal findings. */
export function activeObstacles(situation: Situation): readonly Obstacle[] {
  return situation.obstacles.filter(
    (obstacle) =>
      situation.now.getTime() < obstacle.until.getTime() &&
      !(situation.isForced && obstacle.severity === "regression"),
  );
}

function hasEvidence({ served }: Situation, evidence: Evidence): boolean {
  return served.kind === "unseen" && served.evidence === evidence;
}

/** What a reload led to, as seen in the process table and Nginx's error log. */
export type ReloadEffect =
  /** New workers accept and every old one is gone or drains. */
  | { readonly kind: "new-generation" }
  /** The trigger failed, or Nginx said why it keeps the old configuration. */
  | { readonly kind: "refused" }
  /** Signalled, and the master is still at work. */
  | { readonly kind: "busy" };

export function decideAfterReload(
  effect: ReloadEffect,
  served: Served,
): Outcome {
  switch (effect.kind) {
    case "refused":
      return "reload-failed";
    case "busy":
      return "reloading";
    case "new-generation":
      return afterNewGeneration(served);
  }
}

function afterNewGeneration(served: Served): Outcome {
  switch (served.kind) {
    case "same":
      return "deployed";
    case "different":
      return "stale";
    case "unseen":
      return "unverified";
  }
}
