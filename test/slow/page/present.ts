/** What a watcher could know: certificates of every kind, by a small recipe so that two runs show the same. */
import { createLog, type Log } from "../../../src/adapters/log/log.ts";
import type { Outcome } from "../../../src/core/decision/outcome.ts";
import { judgeRenewal } from "../../../src/core/expiry/renewal.ts";
import { emptyBoard } from "../../../src/core/report/board.ts";
import type { LineageReport } from "../../../src/core/report/document.ts";
import { noTotals } from "../../../src/core/metrics/totals.ts";
import type { Knowledge } from "../../../src/service/knowledge.ts";
import { writeDocuments } from "../../../src/service/documents.ts";
import { openEndpoint } from "../../../src/service/endpoint.ts";
import type { Present } from "../../../src/service/present.ts";
import { Cleanup } from "../../support/cleanup.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const day = 86_400_000;

export const hostileNames = [
  "<script>alert(1)</script>",
  `"><img src=x onerror=alert(1)>`,
  "a".repeat(255),
  "\u202Egro.elpmaxe\u202C.example",
  "مثال.إختبار",
  "x\u0000y\nz",
] as const;

export interface Recipe {
  readonly name: string;
  readonly lifetimeDays: number;
  readonly ageDays: number;
  readonly outcome: Outcome;
  /** Clients are still handed the one before. */
  readonly servesOld?: boolean;
}

export interface Shown {
  readonly knowledge: Knowledge;
  readonly present: Present;
}

export function presentOf(recipes: readonly Recipe[], now: Date): Shown {
  const entries = recipes.map((recipe, index) => {
    const report = reportOf(recipe, index, now);
    return [report.path, { report, at: now, liveSince: null }] as const;
  });
  const failing = recipes.filter(({ outcome }) => outcome === "stale");
  return {
    knowledge: {
      totals: noTotals,
      board: {
        ...emptyBoard,
        entries: new Map(entries),
        nginx: {
          configOk: true,
          masterPid: 812,
          configPending: [],
          draining: 0,
          errors: [],
          unjudged: [],
        },
      },
      journal: recipes.slice(0, 12).map(({ name, outcome }, index) => ({
        schema: 1,
        at: new Date(now.getTime() - (index + 1) * 0.4 * day).toISOString(),
        run: "r",
        command: index % 3 === 0 ? "hook" : "watch",
        lineage: name,
        certificate: `/etc/letsencrypt/live/${name}/fullchain.pem`,
        outcome: outcome === "live" ? "deployed" : outcome,
        fingerprint256: null,
        servedBefore: null,
        reloads: outcome === "live" ? 1 : 0,
        detail:
          outcome === "live"
            ? "reloaded; a client was handed it at 2 probe points"
            : "another certificate is still served at 192.0.2.10:443",
        durationMs: 120,
      })),
    },
    present: {
      at: now.toISOString(),
      run: "r",
      watcher: {
        pid: 1,
        since: new Date(now.getTime() - 3 * day).toISOString(),
        sources: recipes.length,
        lastRun: { at: now.toISOString(), summary: "all live", reloads: 0 },
        retries: failing.map(({ name, outcome }, index) => ({
          name,
          outcome,
          attempts: index + 1,
          at: new Date(now.getTime() + (index + 1) * 240_000).toISOString(),
        })),
        reconcileAt: new Date(now.getTime() + 41 * 60_000).toISOString(),
        http: "127.0.0.1:9427",
      },
      broken: 0,
    },
  };
}

function reportOf(
  { name, lifetimeDays, ageDays, outcome, servesOld }: Recipe,
  index: number,
  now: Date,
): LineageReport {
  const issued = now.getTime() - ageDays * day;
  const dates = datesOf(issued, lifetimeDays);
  const old = datesOf(issued - 0.67 * lifetimeDays * day, lifetimeDays);
  const served = {
    fingerprint256: servesOld === true ? "11:22:33:44" : fingerprint(index),
    ...(servesOld === true ? old : dates),
  };
  const isUsed = outcome !== "unused";
  return {
    name,
    path: `/etc/letsencrypt/live/${String(index)}-${name}`,
    outcome,
    last: { at: dates.notBefore, outcome: "deployed", detail: null },
    reason:
      servesOld === true
        ? "reloaded, but another certificate is still served at 192.0.2.10:443"
        : null,
    remedy:
      servesOld === true
        ? "touch /etc/letsencrypt/live/example.org/fullchain.pem, then livecert deploy --force"
        : null,
    leaf: {
      fingerprint256: fingerprint(index),
      bundle256: null,
      serial: "0A",
      subject: `CN=${name}`,
      issuer: "CN=E7, O=Let's Encrypt, C=US",
      ...dates,
      subjectAltNames: [`DNS:${name}`, `DNS:www.${name}`, `DNS:mail.${name}`],
      keyType: "ec-p256",
    },
    served: isUsed ? [served] : [],
    renewalDue: judgeRenewal({
      notBefore: new Date(served.notBefore),
      notAfter: new Date(served.notAfter),
      now,
      floorsMs: [],
    }).renewalDue.toISOString(),
    valid: true,
    findings: [],
    probes: isUsed
      ? ["192.0.2.10:443", "[2001:db8::10]:443"].map((address, place) => ({
          target: "host",
          address,
          servername: name,
          expected: fingerprint(index),
          before: served.fingerprint256,
          after: null,
          verdict: servesOld === true && place === 0 ? "stale" : "live",
          error: null,
        }))
      : [],
  };
}

function datesOf(issued: number, lifetimeDays: number) {
  return {
    notBefore: new Date(issued).toISOString(),
    notAfter: new Date(issued + lifetimeDays * day).toISOString(),
  };
}

function fingerprint(index: number): string {
  return Array.from({ length: 32 }, (_, place) =>
    ((index * 37 + place * 11) % 256)
      .toString(16)
      .padStart(2, "0")
      .toUpperCase(),
  ).join(":");
}

export const three: readonly Recipe[] = [
  { name: "example.org", lifetimeDays: 90, ageDays: 27, outcome: "live" },
  {
    name: "shop.example.com",
    lifetimeDays: 90,
    ageDays: 2,
    outcome: "stale",
    servesOld: true,
  },
  { name: "short.example.net", lifetimeDays: 6, ageDays: 2, outcome: "live" },
];

/** Hostile names first, then all kinds. */
export const fiveHundred: readonly Recipe[] = [
  ...hostileNames.map((name, index): Recipe => ({
    name,
    lifetimeDays: 90,
    ageDays: index * 9,
    outcome: index === 0 ? "rejected" : "live",
  })),
  ...Array.from({ length: 500 - hostileNames.length }, (_, index): Recipe => {
    const kinds: readonly Omit<Recipe, "name">[] = [
      { lifetimeDays: 90, ageDays: (index * 7) % 60, outcome: "live" },
      { lifetimeDays: 90, ageDays: (index * 5) % 58, outcome: "live" },
      { lifetimeDays: 45, ageDays: (index * 3) % 30, outcome: "live" },
      { lifetimeDays: 6, ageDays: index % 3, outcome: "live" },
      { lifetimeDays: 365, ageDays: (index * 11) % 240, outcome: "live" },
    ];
    const rare: Readonly<Record<number, Omit<Recipe, "name">>> = {
      17: { lifetimeDays: 90, ageDays: 3, outcome: "stale", servesOld: true },
      90: { lifetimeDays: 90, ageDays: 71, outcome: "live" },
      91: { lifetimeDays: 3650, ageDays: 900, outcome: "live" },
      120: { lifetimeDays: 90, ageDays: 95, outcome: "stale" },
      200: { lifetimeDays: 90, ageDays: 40, outcome: "unused" },
      230: { lifetimeDays: 90, ageDays: 20, outcome: "unverified" },
    };
    const kind = rare[index] ?? kinds[index % kinds.length];
    return {
      name: `site-${String(index)}.example.org`,
      ...(kind ?? { lifetimeDays: 90, ageDays: 1, outcome: "live" }),
    };
  }),
];

export interface Served extends AsyncDisposable {
  /** Ends with a slash. */
  readonly url: string;
}

/** The watcher's endpoint over what is shown. */
export async function serve(shown: () => Shown | null): Promise<Served> {
  const cleanup = new Cleanup();
  const { path: runDir } = cleanup.use(await temporaryDirectory());
  const now = () => new Date();
  const serving = await openEndpoint({
    ...{ runDir, now, log: silentLog(now) },
    endpoint: { kind: "tcp", address: "127.0.0.1", port: 0 },
    present: () => shown()?.present ?? null,
    tell: async (present) => {
      const knowledge = shown()?.knowledge;
      if (knowledge === undefined) throw new Error("nothing is shown");
      const occasion = { present, targets: ["host"], now: now() };
      return writeDocuments(runDir, knowledge, occasion);
    },
    measure: () => Promise.resolve([]),
  });
  if (serving?.endpoint.kind !== "tcp") throw new Error("not served");
  cleanup.use(serving);
  return {
    url: `http://127.0.0.1:${String(serving.endpoint.port)}/`,
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  };
}

function silentLog(now: () => Date): Log {
  return createLog({
    level: "silent",
    format: { kind: "json", priorities: false },
    descriptor: 2,
    now,
  });
}
