import type { Outcome } from "../../src/core/decision/outcome.ts";
import type { RuleId } from "../../src/core/validation/catalogue.ts";
import type { Severity } from "../../src/core/validation/finding.ts";
import type { CertbotDirectory, LineageFiles } from "../support/lineage.ts";
import { lineageFiles } from "../support/lineage.ts";
import type { Authority, CertificateRequest, Pki } from "../support/pki.ts";

/**
 * A certificate situation with what must be observed. Each begins with a sound
 * lineage that Nginx serves (unless `before` says otherwise); then `write` renews
 * it, and somebody runs `livecert deploy NAME`.
 *
 * What Nginx and clients do is the truth that the rules are held against: a test
 * sees it for each scenario with the real programs and without livecert.
 */
export interface Scenario {
  /** What is the matter; a title of tests. */
  readonly name: string;
  /** The rule that must find it; for a near miss the rule that must stay silent. */
  readonly rule: RuleId;
  /** null: a near miss, which looks like a case of the rule and is none. */
  readonly severity: Severity | null;
  /** Of `livecert deploy`, and its exit code. */
  readonly outcome: Outcome;
  readonly exitCode: number;
  /** `nginx -t` with the new files. */
  readonly nginxTest: "passes" | "fails";
  /** What a client meets after a reload that nobody checked. */
  readonly client: Client;
  /** The names that Nginx's server block has; `names` by default. */
  readonly serverNames?: readonly string[];
  /** What Nginx loads instead of the lineage's live files, as they are before `write`. */
  readonly loads?: "copy" | "archive";
  /** The files that are live and served before. */
  readonly before?: (stage: Stage) => Promise<LineageFiles>;
  readonly write: (stage: Stage) => Promise<void>;
}

/**
 * `accepts`: the new certificate, verified by OpenSSL. `refuses`: a handshake whose certificate OpenSSL rejects. `no
 * handshake`: TLS fails for everybody. `keeps the old`: Nginx goes on with what it has, since it refuses the new files
 * or loads others.
 */
export type Client = "accepts" | "refuses" | "no handshake" | "keeps the old";

export interface Stage {
  /** Its root is trusted by the client and by livecert. */
  readonly pki: Pki;
  readonly certbot: CertbotDirectory;
  readonly lineage: string;
}

/** Of the lineage's certificates and of Nginx's server block. */
export const names = ["a.test", "www.a.test"] as const;

export const rejected = { outcome: "rejected", exitCode: 3 } as const;
export const deployed = { outcome: "deployed", exitCode: 0 } as const;
export const stale = { outcome: "stale", exitCode: 6 } as const;

/** Nginx loads it, and OpenSSL is content. */
export const harmless = { nginxTest: "passes", client: "accepts" } as const;
/** Nginx loads it, and clients are shown a warning. */
export const refusedByClients = {
  nginxTest: "passes",
  client: "refuses",
} as const;
/** Nginx loads it, and every handshake fails. */
export const silentlyDeadly = {
  nginxTest: "passes",
  client: "no handshake",
} as const;
/** Nginx does not load it. */
export const refusedByNginx = {
  nginxTest: "fails",
  client: "keeps the old",
} as const;

export const fatal = { severity: "fatal", ...rejected } as const;
export const regression = { severity: "regression", ...rejected } as const;
export const warning = {
  severity: "warning",
  ...deployed,
  ...harmless,
} as const;
export const nearMiss = { severity: null, ...deployed, ...harmless } as const;

/** The files of a sound renewal, or of one whose leaf differs as `request` says. */
export async function sound(
  { pki }: Stage,
  request: CertificateRequest = {},
): Promise<LineageFiles> {
  const leaf = await pki.intermediate.leaf({ names, ...request });
  return lineageFiles(leaf, pki.intermediate);
}

/** Of a leaf that the last of `authorities` issued; the chain holds all of them, nearest first. */
export async function below(
  authorities: readonly [Authority, ...(readonly Authority[])],
  request: CertificateRequest = {},
): Promise<LineageFiles> {
  const nearestFirst = authorities.toReversed();
  const leaf = await (nearestFirst[0] ?? authorities[0]).leaf({
    names,
    ...request,
  });
  return lineageFiles(leaf, ...nearestFirst);
}

/** Renews the lineage with these files. */
export function renewal(
  make: (stage: Stage) => Promise<LineageFiles>,
): Scenario["write"] {
  return async (stage) => stage.certbot.write(stage.lineage, await make(stage));
}

/** A sound renewal of which one file becomes another text. */
export function altered(
  kind: keyof LineageFiles,
  alter: (text: string, files: LineageFiles) => string,
): Scenario["write"] {
  return renewal(async (stage) => {
    const files = await sound(stage);
    return { ...files, [kind]: alter(files[kind], files) };
  });
}

export function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * 86_400_000);
}
