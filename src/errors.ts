/**
 * The register of everything that makes livecert stop with an error of its own. A code is stable: scripts and the
 * documentation (docs/errors.md) refer to it. Findings about the user's files are no errors; see core/validation.
 */
export const errorCodes = {
  usage: { exitCode: 2, meaning: "the command line cannot be understood" },
  "configuration-invalid": {
    exitCode: 2,
    meaning: "a setting has a value that it cannot have",
  },
  "configuration-unsafe": {
    exitCode: 2,
    meaning:
      "somebody else could change what livecert would read or run as root",
  },
  "configuration-unreadable": {
    exitCode: 2,
    meaning: "the configuration file cannot be read",
  },
  "lineage-not-found": {
    exitCode: 2,
    meaning: "no lineage of that name or path exists",
  },
  "publication-not-found": {
    exitCode: 2,
    meaning: "nothing is published by that name",
  },
  "no-earlier-version": {
    exitCode: 2,
    meaning: "there is no earlier version to go back to",
  },
  "hook-environment": {
    exitCode: 2,
    meaning: "the hook was called without what Certbot passes to it",
  },
  "state-newer": {
    exitCode: 2,
    meaning: "the state was written by a newer livecert",
  },
  "state-unwritable": {
    exitCode: 2,
    meaning: "the state or run directory cannot be written",
  },
  "temporary-unwritable": {
    exitCode: 2,
    meaning: "the temporary directory cannot be written",
  },
  "nginx-not-found": {
    exitCode: 2,
    meaning: "there is no Nginx program that livecert may run",
  },
  "dump-unreadable": {
    exitCode: 2,
    meaning: "the saved output of nginx -T cannot be read",
  },
  locked: {
    exitCode: 7,
    meaning: "another run held the lock for longer than the limit",
  },
  "lock-unavailable": {
    exitCode: 7,
    meaning: "the lock cannot be taken at all",
  },
  "time-limit": {
    exitCode: 5,
    meaning:
      "the run did not end within its limit; what it was about stays queued",
  },
  "output-unwritable": {
    exitCode: 1,
    meaning: "the result could not be printed",
  },
  "program-failed": {
    exitCode: 1,
    meaning: "a program that livecert needs could not be run",
  },
  "errand-failed": {
    exitCode: 1,
    meaning: "what the watcher lets a child do did not come to its end",
  },
  "program-replaced": {
    exitCode: 1,
    meaning:
      "the watcher's program was replaced by another version, which needs a new start",
  },
} as const satisfies Record<string, { exitCode: number; meaning: string }>;

export type ErrorCode = keyof typeof errorCodes;

/** Thrown where livecert cannot go on. `remedy` is the one command or change that mends it. */
export class LivecertError extends Error {
  override readonly name = "LivecertError";
  readonly code: ErrorCode;
  readonly remedy: string | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: { remedy?: string; cause?: unknown } = {},
  ) {
    super(
      message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.remedy = options.remedy ?? null;
  }

  get exitCode(): number {
    return errorCodes[this.code].exitCode;
  }
}
