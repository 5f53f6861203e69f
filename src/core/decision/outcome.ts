/** What became of one lineage in one run, with the exit code that the run then has. */
export const outcomes = {
  live: { exitCode: 0, meaning: "already served everywhere; nothing was done" },
  deployed: { exitCode: 0, meaning: "reloaded and verified over TLS" },
  published: {
    exitCode: 0,
    meaning: "put where a service expects it",
  },
  unverified: {
    exitCode: 0,
    meaning:
      "reloaded; a new worker generation runs; no point of this source could be probed",
  },
  unused: {
    exitCode: 0,
    meaning: "Nginx does not use this lineage; nothing was done",
  },
  deferred: {
    exitCode: 0,
    meaning:
      "sound and queued for the one reload at the end of this Certbot run",
  },
  rejected: {
    exitCode: 3,
    meaning: "fatal or regression findings; Nginx untouched",
  },
  blocked: {
    exitCode: 3,
    meaning:
      "sound itself, but a reload would bring another source's regression live",
  },
  "config-invalid": {
    exitCode: 4,
    meaning: "Nginx's own test fails; Nginx untouched",
  },
  "reload-failed": {
    exitCode: 5,
    meaning: "the reload could not be triggered or was refused by Nginx",
  },
  "not-running": {
    exitCode: 5,
    meaning: "Nginx is not running; kept as pending",
  },
  stale: {
    exitCode: 6,
    meaning:
      "an old certificate is still served somewhere and a reload did not or cannot mend it",
  },
  unpublished: {
    exitCode: 6,
    meaning:
      "sound, but it could not be put where a service expects it; what was there is untouched",
  },
  reloading: {
    exitCode: 6,
    meaning:
      "signalled, the master is still at work; probed again later without a second signal",
  },
  locked: {
    exitCode: 7,
    meaning: "another run held the lock for longer than the limit",
  },
} as const satisfies Record<string, { exitCode: number; meaning: string }>;

export type Outcome = keyof typeof outcomes;

/** Within one exit code the one that says more comes first. */
const byWeight: readonly Outcome[] = [
  "locked",
  "stale",
  "unpublished",
  "reloading",
  "reload-failed",
  "not-running",
  "config-invalid",
  "rejected",
  "blocked",
  "deferred",
  "unverified",
  "deployed",
  "published",
  "live",
  "unused",
];

/** With several lineages, sources or targets the highest exit code applies; null for none. */
export function worstOf(found: readonly Outcome[]): Outcome | null {
  return byWeight.find((outcome) => found.includes(outcome)) ?? null;
}

/** A failure is kept as pending and taken up again by `retry` or the watcher. */
export function isFailure(outcome: Outcome): boolean {
  return outcomes[outcome].exitCode !== 0;
}
