import { describe, expect, it } from "vitest";
import { decisionTable } from "../../../src/core/decision/decide.ts";
import {
  explain,
  explainReload,
  quoted,
  type Circumstances,
} from "../../../src/core/report/explain.ts";

const about: Circumstances = {
  argument: "example.org",
  label: "example.org",
  findings: [],
  obstacles: [],
  isForced: false,
  broughtAlongTo: [],
  nginxErrors: ["nginx: [emerg] no luck today"],
  culprits: [],
  directive: "/etc/nginx/nginx.conf:7",
  isHandedOut: true,
  certificate: "/etc/letsencrypt/live/example.org/fullchain.pem",
  livePair: {
    certificate: "/etc/letsencrypt/live/example.org/fullchain.pem",
    key: "/etc/letsencrypt/live/example.org/privkey.pem",
  },
  publication: null,
  obstruction: null,
  startRemedy: null,
  masterPid: 812,
  nginx: "running",
  draining: 3,
  pendingFiles: ["/etc/nginx/sites-enabled/new"],
  stalePoints: ["127.0.0.1:443 (example.org)"],
  brokenPoints: [],
  loadedFiles: ["/etc/nginx/tls/a b.pem", "/etc/nginx/tls/key.pem"],
};

describe("the reason", () => {
  it.each(decisionTable.map(({ name }) => name))(
    "is one line without a full stop for %s",
    (row) => {
      const { reason, remedy } = explain(row, about);
      for (const text of [reason, remedy ?? "-"])
        expect(text).toMatch(/^[^\n]*[^.\n]$/);
    },
  );

  it("blames the source that makes Nginx's test fail, rather than quote Nginx", () => {
    const culprits = [
      { label: "b.test", message: "b.pem is empty", hint: "write it again" },
    ];
    expect(explain("configuration-refused", { ...about, culprits })).toEqual({
      reason: "Nginx's own test fails because of b.test: b.pem is empty",
      remedy: "mend b.test (write it again), then livecert deploy example.org",
    });
    expect(explain("configuration-refused", about).reason).toContain(
      "no luck today",
    );
  });

  it.each([
    ["not-running", /^Nginx is not running: /],
    ["foreign", /^Nginx is neither asked nor signalled, /],
    ["absent", /^there is no Nginx to look after: /],
  ] as const)("tells an Nginx that is %s from the others", (nginx, reason) => {
    expect(explain("not-running", { ...about, nginx }).reason).toMatch(reason);
  });

  it("tells an old certificate from handshakes that fail and from what nobody could see", () => {
    const reasons = [
      about,
      { ...about, brokenPoints: about.stalePoints },
      { ...about, stalePoints: [] },
    ].map((one) => explain("dry-run", one).reason);
    expect(reasons).toEqual([
      "Nginx serves an old certificate; it has not loaded the one on disk",
      "every handshake fails at 127.0.0.1:443 (example.org); Nginx has not loaded the files on disk",
      "no handshake could show it, and Nginx has not been reloaded since the files were written",
    ]);
  });

  it("names the command that does what a forced dry run has shown", () => {
    const { remedy } = explain("dry-run", { ...about, isForced: true });
    expect(remedy).toBe(`${explain("dry-run", about).remedy ?? ""} --force`);
  });

  it("tells where a held-back certificate has gone live all the same", () => {
    const broughtAlongTo = ["127.0.0.1:443 (a.test)"];
    const { reason } = explain("regression", { ...about, broughtAlongTo });
    expect(reason).toMatch(
      /has brought it live at 127\.0\.0\.1:443 \(a\.test\)$/,
    );
  });

  it("says until when another source holds this one back, to the second", () => {
    const obstacle = {
      label: "b.test",
      severity: "regression",
      message: "it lost a name",
      until: new Date("2026-11-24T00:08:44.307Z"),
    } as const;
    expect(
      explain("held-back", { ...about, obstacles: [obstacle] }).reason,
    ).toBe(
      "sound itself, but a reload would also bring b.test live: it lost a name (waits until 2026-11-24T00:08:44Z at most)",
    );
  });
});

describe("a certificate that Nginx hands to no client", () => {
  const because =
    "no handshake can show it, since Nginx hands it to no client (/etc/nginx/nginx.conf:7)";
  const client = { ...about, isHandedOut: false, stalePoints: [] };

  it.each(["loaded-by-evidence", "dry-run"] as const)(
    "says so where nothing was reloaded (%s)",
    (row) => {
      expect(explain(row, client).reason).toContain(because);
    },
  );

  it("says so after a reload, and sends nobody to look for more", () => {
    const reloaded = { ...client, livePoints: 0, nginxRemedy: null };
    expect(explainReload("unverified", reloaded)).toEqual({
      reason: `reloaded and new workers run, but ${because}`,
      remedy: null,
    });
  });
});

describe("a container", () => {
  const obstruction = {
    reason: "F in the container web is a single file",
    remedy: "mount the directory instead",
  };

  it.each(["pinned-mount", "outdated-copy"] as const)(
    "says in its own terms what no reload can mend (%s)",
    (row) => {
      expect(explain(row, { ...about, obstruction })).toEqual(obstruction);
    },
  );

  it("names the publication that has put an older version there", () => {
    const { reason, remedy } = explain("outdated-copy", {
      ...about,
      publication: "web",
    });
    expect(reason).toContain("what was published as web");
    expect(remedy).toContain("livecert deploy example.org");
  });

  it("is started in its own way, not by systemd", () => {
    const startRemedy = "docker start web";
    const { remedy } = explain("not-running", {
      ...about,
      nginx: "not-running",
      startRemedy,
    });
    expect(remedy).toBe(startRemedy);
  });
});

describe("a copy", () => {
  it.each([
    [
      "with its key, since the key's copy does not fit the next certificate",
      "/l/privkey.pem",
      "/l/fullchain.pem, and that of its key /l/privkey.pem",
    ],
    ["alone, where the configuration names no key", null, "/l/fullchain.pem"],
  ])("is to be named below live/ %s", (_, key, files) => {
    const livePair = { certificate: "/l/fullchain.pem", key };
    expect(explain("outdated-copy", { ...about, livePair }).remedy).toBe(
      `let that directive name ${files}, then nginx -t && nginx -s reload`,
    );
  });
});

describe("a name in a command to type", () => {
  it.each([
    ["example.org", "example.org"],
    ["two words", "'two words'"],
    ["it's", String.raw`'it'\''s'`],
    ["$(reboot)", "'$(reboot)'"],
    ["", "''"],
  ])("%j becomes %s", (word, expected) => {
    expect(quoted(word)).toBe(expected);
  });
});

describe("the remedy", () => {
  it("has Nginx read certificate and key anew where a reload has loaded neither", () => {
    const circumstances = { ...about, livePoints: 0, nginxRemedy: null };
    expect(explainReload("stale", circumstances).remedy).toBe(
      "touch '/etc/nginx/tls/a b.pem' /etc/nginx/tls/key.pem, then livecert deploy example.org --force; if that does not help: systemctl restart nginx",
    );
  });
});
