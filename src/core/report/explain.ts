/** One sentence for people why a lineage has its outcome, and the one command or change that mends it. */
import type { DecisionRow, Obstacle } from "../decision/decide.ts";
import type { Outcome } from "../decision/outcome.ts";
import type { Finding } from "../validation/finding.ts";

export interface Explanation {
  readonly reason: string;
  /** null where nothing is to be done. */
  readonly remedy: string | null;
}

/** A certificate source with a fatal fault that makes Nginx's own test fail. */
export interface Culprit {
  readonly label: string;
  readonly message: string;
  readonly hint: string;
}

export interface Circumstances {
  /** As a command line argument: the lineage's name, or nothing for a source that is none. */
  readonly argument: string | null;
  readonly label: string;
  readonly findings: readonly Finding[];
  readonly obstacles: readonly Obstacle[];
  /** A person said `--force`. */
  readonly isForced: boolean;
  /** Where a reload that others needed has brought it live, although it was held back itself. */
  readonly broughtAlongTo: readonly string[];
  /** Nginx's words, or why it could not be asked. */
  readonly nginxErrors: readonly string[];
  /** What makes Nginx's test fail, where that is a certificate source. */
  readonly culprits: readonly Culprit[];
  /** `FILE:LINE` of the directive that names the source. */
  readonly directive: string | null;
  /** Some server block hands it to clients; false for what Nginx loads for other ends (`proxy_ssl_certificate`). */
  readonly isHandedOut: boolean;
  /** The certificate file of the source. */
  readonly certificate: string;
  /** The files below `live/` that it should name instead of a copy. */
  readonly livePair: {
    readonly certificate: string;
    readonly key: string | null;
  } | null;
  /** Of livecert's own, which has put the certificate file there; null: no such one. */
  readonly publication: string | null;
  /** What keeps a renewal from this Nginx whatever is reloaded; null: nothing. */
  readonly obstruction: Explanation | null;
  /** What starts an Nginx that does not run; null: nobody can tell. */
  readonly startRemedy: string | null;
  readonly masterPid: number | null;
  readonly nginx: "running" | "not-running" | "foreign" | "absent";
  readonly draining: number;
  readonly pendingFiles: readonly string[];
  /** Where another certificate was seen: `127.0.0.1:443 (example.org)`. */
  readonly stalePoints: readonly string[];
  /** Those of them where Nginx refuses every handshake. */
  readonly brokenPoints: readonly string[];
  /** What Nginx loads for the source. */
  readonly loadedFiles: readonly string[];
}

/** Why a run ended for this lineage without a reload. */
export function explain(row: DecisionRow, about: Circumstances): Explanation {
  const deploy =
    about.argument === null
      ? "livecert deploy"
      : `livecert deploy ${quoted(about.argument)}`;
  switch (row) {
    case "fatal-finding":
      return worst(
        about,
        "fatal",
        `Nginx was not touched; after mending it: ${deploy}`,
      );
    case "regression":
      return regression(about, deploy);
    case "stopped-by-certbot":
      return {
        reason:
          "Nginx is stopped while Certbot is at work; it is looked at again afterwards",
        remedy: null,
      };
    case "not-running":
      return notRunning(about);
    case "configuration-refused":
      return refusedBecauseOf(about, deploy);
    case "configuration-unknown":
      return {
        reason: `Nginx could not be asked for its configuration: ${said(about)}`,
        remedy: "livecert doctor",
      };
    case "pinned-mount":
      return {
        reason: about.obstruction?.reason ?? "it is mounted as a single file",
        remedy: about.obstruction?.remedy ?? null,
      };
    case "outdated-copy":
      if (about.obstruction !== null) return about.obstruction;
      if (about.publication !== null)
        return {
          reason: `Nginx loads what was published as ${about.publication}, an older version of ${about.label}`,
          remedy: `see what kept it from being published anew: ${deploy}`,
        };
      return {
        reason: `Nginx loads an older version of ${about.label}, a copy that no renewal changes: ${about.directive ?? "its configuration"}`,
        remedy: `let that directive name ${liveFiles(about)}, then nginx -t && nginx -s reload`,
      };
    case "not-referenced":
      return { reason: "no server block of Nginx uses it", remedy: null };
    case "already-served":
      return { reason: "served everywhere as it is on disk", remedy: null };
    case "loaded-by-evidence":
      return {
        reason: `${unseen(about)}, but every worker started after the files were written`,
        remedy: null,
      };
    case "configuration-pending":
      return {
        reason: `only an edit that nobody has loaded yet names it: ${about.pendingFiles.join(", ")}`,
        remedy: `once that edit is to be loaded: ${deploy} --force`,
      };
    case "dynamic":
      return {
        reason: `an old certificate is served although Nginx reads it at each handshake (${about.directive ?? "a path with a variable"})`,
        remedy:
          "look at ssl_certificate_cache and at who answers on that address: livecert status",
      };
    case "dynamic-unseen":
      return {
        reason:
          "Nginx reads it at each handshake, so it needs no reload; for which names it is handed out the configuration does not tell, so none was tried",
        remedy: null,
      };
    case "still-reloading":
      return {
        reason:
          "Nginx was signalled by an earlier run and its master is still at work",
        remedy: "livecert retry",
      };
    case "reload-limit":
      if (isOnlyBroken(about))
        return {
          reason: `two reloads did not help: every handshake is refused at ${about.brokenPoints.join(", ")}`,
          remedy: refusalRemedy,
        };
      return {
        reason:
          "two reloads did not make Nginx serve it, so a third would not either",
        remedy: `see what stands in the way: livecert doctor; to reload all the same: ${deploy} --force`,
      };
    case "master-stopped":
      return {
        reason: `the Nginx master ${about.masterPid ?? ""} is stopped by a signal (state T), so it cannot reload`,
        remedy: `kill -CONT ${about.masterPid ?? "PID"}; then livecert retry`,
      };
    case "held-back":
      return heldBack(about, deploy);
    case "draining":
      return {
        reason: `${about.draining} old generations of workers still drain; one more reload would pile them up`,
        remedy: `wait for their connections to end (or set worker_shutdown_timeout), then ${deploy}`,
      };
    case "configuration-resting":
      return {
        reason: `a reload would also load an edit that nobody has loaded yet: ${about.pendingFiles.join(", ")}`,
        remedy: `${deploy} (loads both), or wait until those files have been quiet`,
      };
    case "dry-run":
      return {
        reason: notLoaded(about),
        remedy: about.isForced ? `${deploy} --force` : deploy,
      };
    case "reload":
      return { reason: "Nginx is reloaded", remedy: null };
  }
}

/** What a reload led to. */
export function explainReload(
  outcome: Outcome,
  about: Circumstances & {
    readonly livePoints: number;
    readonly nginxRemedy: string | null;
  },
): Explanation {
  const deploy =
    about.argument === null
      ? "livecert deploy"
      : `livecert deploy ${quoted(about.argument)}`;
  switch (outcome) {
    case "deployed":
      return {
        reason: `reloaded; a client was handed it at ${places(about.livePoints)}`,
        remedy: null,
      };
    case "stale":
      if (isOnlyBroken(about))
        return {
          reason: `reloaded, but every handshake is refused at ${about.brokenPoints.join(", ")}`,
          remedy: refusalRemedy,
        };
      return {
        reason: `reloaded, but another certificate is still served at ${about.stalePoints.join(", ")}`,
        // Nginx from 1.27.4 on keeps certificate and key each by its inode and time.
        remedy: `touch ${about.loadedFiles.map(quoted).join(" ")}, then ${deploy} --force; if that does not help: systemctl restart nginx`,
      };
    case "unverified":
      return {
        reason: `reloaded and new workers run, but ${unseen(about)}`,
        remedy: about.isHandedOut ? "livecert status tells why" : null,
      };
    case "reloading":
      return { reason: said(about), remedy: "livecert retry" };
    default:
      return {
        reason: `Nginx did not reload: ${said(about)}`,
        remedy: about.nginxRemedy,
      };
  }
}

/** A copy of a certificate mostly has a copy of its key beside it, which does not fit the next one. */
function liveFiles({ livePair }: Circumstances): string {
  if (livePair === null) return "the file below live/";
  return livePair.key === null
    ? livePair.certificate
    : `${livePair.certificate}, and that of its key ${livePair.key}`;
}

/** Why nobody has seen it. */
function unseen({ isHandedOut, directive }: Circumstances): string {
  return isHandedOut
    ? "no handshake could show it"
    : `no handshake can show it, since Nginx hands it to no client (${directive ?? "its configuration"})`;
}

/** What is served there is no older certificate, so no reload mends it. */
function isOnlyBroken({ stalePoints, brokenPoints }: Circumstances): boolean {
  return brokenPoints.length > 0 && brokenPoints.length === stalePoints.length;
}

const refusalRemedy =
  "see whether ssl_protocols, ssl_ciphers and the key type of that server block agree (Nginx's error log names what fails), then nginx -t && nginx -s reload";

function places(count: number): string {
  return count === 1 ? "1 probe point" : `${count} probe points`;
}

function worst(
  about: Circumstances,
  severity: Finding["severity"],
  fallback: string,
): Explanation {
  const finding = about.findings.find((one) => one.severity === severity);
  return {
    reason: finding?.message ?? severity,
    remedy: finding === undefined ? fallback : `${finding.hint}; ${fallback}`,
  };
}

function regression(about: Circumstances, deploy: string): Explanation {
  const explanation = worst(
    about,
    "regression",
    `mend it, or deploy it all the same: ${deploy} --force`,
  );
  if (about.broughtAlongTo.length === 0) return explanation;
  return {
    ...explanation,
    reason: `${explanation.reason}; a reload that others needed has brought it live at ${about.broughtAlongTo.join(", ")}`,
  };
}

function notRunning(about: Circumstances): Explanation {
  switch (about.nginx) {
    case "foreign":
      return {
        reason: `Nginx is neither asked nor signalled, since it cannot be trusted to be the one that is meant: ${said(about)}`,
        remedy: "livecert doctor",
      };
    case "absent":
      return {
        reason: `there is no Nginx to look after: ${said(about)}`,
        remedy:
          about.startRemedy ??
          "set --nginx-bin where it is somewhere else; livecert doctor",
      };
    case "running":
    case "not-running":
      return {
        reason: `Nginx is not running: ${said(about)}`,
        remedy:
          about.startRemedy ??
          "start it: it then loads the files as they are, and livecert retry verifies it",
      };
  }
}

function refusedBecauseOf(about: Circumstances, deploy: string): Explanation {
  const [culprit] = about.culprits;
  if (culprit === undefined)
    return {
      reason: `Nginx's own test refuses the configuration: ${said(about)}`,
      remedy: `mend it until nginx -t passes, then ${deploy}`,
    };
  return {
    reason: `Nginx's own test fails because of ${culprit.label}: ${culprit.message}`,
    remedy: `mend ${culprit.label} (${culprit.hint}), then ${deploy}`,
  };
}

function notLoaded(about: Circumstances): string {
  const { stalePoints, brokenPoints } = about;
  if (brokenPoints.length > 0)
    return `every handshake fails at ${brokenPoints.join(", ")}; Nginx has not loaded the files on disk`;
  return stalePoints.length === 0
    ? `${unseen(about)}, and Nginx has not been reloaded since the files were written`
    : "Nginx serves an old certificate; it has not loaded the one on disk";
}

function heldBack(about: Circumstances, deploy: string): Explanation {
  const [first] = about.obstacles;
  if (first === undefined)
    return { reason: "another source holds it back", remedy: null };
  const until = first.until.toISOString().replace(/\.\d+Z$/, "Z");
  return {
    reason: `sound itself, but a reload would also bring ${first.label} live: ${first.message} (waits until ${until} at most)`,
    remedy:
      first.severity === "fatal"
        ? `mend ${first.label}, then ${deploy}`
        : `mend ${first.label}, then ${deploy}; or ${deploy} --force`,
  };
}

function said(about: Circumstances): string {
  return about.nginxErrors.length === 0
    ? "it said nothing"
    : about.nginxErrors.join("; ");
}

/** A name as one word of a POSIX shell. */
export function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
