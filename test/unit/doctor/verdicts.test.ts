import { describe, expect, it } from "vitest";
import { mountOf, parseMounts } from "../../../src/adapters/files/mounts.ts";
import { parseUnits } from "../../../src/adapters/systemd/units.ts";
import { judgeKey, usersOf } from "../../../src/doctor/certificates.ts";
import { judgeFile } from "../../../src/doctor/copies.ts";
import { judgeNode } from "../../../src/doctor/livecert.ts";
import {
  judgeBindMounts,
  judgeFileSystem,
} from "../../../src/doctor/mounts.ts";
import { judgeOthers } from "../../../src/doctor/nginx.ts";
import {
  judgeConfiguration,
  judgeSchedule,
  judgeVersion,
  type Schedule,
} from "../../../src/doctor/renewal.ts";
import { isRetry, judgeRetry } from "../../../src/doctor/retry.ts";
import { cronLines, startsRenewal } from "../../../src/doctor/schedule.ts";

const debianEntry = String.raw`0 */12 * * * root test -x /usr/bin/certbot -a \! -d /run/systemd/system && certbot -q renew`;
const plainEntry = "0 3 * * * root certbot renew";
const otherEntry = "0 3 * * * root certbot renew --config-dir=/srv/le/";

function schedule(given: Partial<Schedule>): Schedule {
  return {
    certbotDir: "/etc/letsencrypt",
    hasSystemd: true,
    timers: [],
    cron: [],
    isCronRunning: true,
    unread: [],
    ...given,
  };
}

function timer(isActive: boolean, text = "ExecStart=certbot -q renew") {
  const service = "certbot.service";
  return { name: "certbot.timer", service, isActive, text };
}

function entry(text: string) {
  return { file: "/etc/cron.d/certbot", text };
}

describe("the verdict on who starts Certbot", () => {
  it.each<[string, Partial<Schedule>, string]>([
    ["an active timer", { timers: [timer(true)] }, "ok"],
    ["a timer that is not active", { timers: [timer(false)] }, "problem"],
    [
      "an idle timer beside a cron entry",
      { timers: [timer(false)], cron: [entry(plainEntry)] },
      "ok",
    ],
    [
      "an idle timer beside Debian's entry",
      { timers: [timer(false)], cron: [entry(debianEntry)] },
      "problem",
    ],
    ["Debian's entry under systemd", { cron: [entry(debianEntry)] }, "problem"],
    [
      "Debian's entry without systemd",
      { cron: [entry(debianEntry)], hasSystemd: false },
      "ok",
    ],
    [
      "an entry where no cron runs",
      { cron: [entry(plainEntry)], isCronRunning: false, hasSystemd: false },
      "problem",
    ],
    ["nothing", {}, "problem"],
    ["nothing, and a place not seen", { unread: ["/var/spool"] }, "unknown"],
    [
      "an entry for another directory",
      { cron: [entry(otherEntry)] },
      "problem",
    ],
    [
      "an entry for this other directory",
      { cron: [entry(otherEntry)], certbotDir: "/srv/le" },
      "ok",
    ],
    [
      "entries for the default directory, while another is meant",
      { timers: [timer(true)], certbotDir: "/srv/le" },
      "unknown",
    ],
  ])("for %s", (_, given, verdict) => {
    expect(judgeSchedule(schedule(given)).verdict).toBe(verdict);
  });

  it.each([
    [plainEntry, true],
    ["ExecStart=/usr/bin/certbot -q renew --no-random-sleep-on-renew", true],
    ["ExecStart=/usr/bin/snap run --timer=x certbot.renew", true],
    ["0 3 * * * root certbot certificates", false],
    ["0 3 * * * root renew-certbots-coffee", false],
  ])("takes %j for a renewal: %s", (text, isOne) => {
    expect(startsRenewal(text)).toBe(isOne);
  });

  it("passes over comments and empty lines of a crontab", () => {
    expect(cronLines(`# ${plainEntry}\n\n  ${plainEntry}\n`)).toEqual([
      plainEntry,
    ]);
  });
});

describe("what systemd says", () => {
  it("is read unit by unit", () => {
    const text =
      "Id=a.timer\nLoadState=loaded\nActiveState=active\n\nId=b.timer\nLoadState=not-found\nActiveState=inactive\n";
    expect(parseUnits(text)).toEqual([
      { name: "a.timer", isLoaded: true, isActive: true },
      { name: "b.timer", isLoaded: false, isActive: false },
    ]);
  });

  it("is nothing where it says nothing", () => {
    expect(parseUnits("")).toEqual([]);
  });
});

describe("mounts", () => {
  const text = [
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "40 22 0:35 / /etc/letsencrypt rw - nfs4 store:/le rw",
    "41 40 8:1 /x.pem /etc/letsencrypt/my\\040file.pem rw - ext4 /dev/sda1 rw",
    "42 22 0:36 / /etc rw - tmpfs none rw",
    "",
  ].join("\n");
  const mounts = parseMounts(text);

  it("are read with the blanks of their paths", () => {
    expect(
      mounts.map(({ mountPoint, type }) => `${type} ${mountPoint}`),
    ).toEqual([
      "ext4 /",
      "nfs4 /etc/letsencrypt",
      "ext4 /etc/letsencrypt/my file.pem",
      "tmpfs /etc",
    ]);
  });

  it.each([
    ["/etc/letsencrypt/live", "nfs4"],
    ["/etc/letsencrypt", "nfs4"],
    ["/etc/letsencrypt2", "tmpfs"],
    ["/srv", "ext4"],
  ])("are told for %s by the longest path above it", (path, type) => {
    expect(mountOf(path, mounts)?.type).toBe(type);
  });

  it.each([
    ["ext4", "ok"],
    ["btrfs", "ok"],
    ["tmpfs", "ok"],
    ["nfs", "warning"],
    ["nfs4", "warning"],
    ["cifs", "warning"],
    ["fuse.sshfs", "warning"],
    ["fuseblk", "ok"],
    ["9p", "warning"],
    ["overlay", "warning"],
  ])("of type %s are %s for live/", (type, verdict) => {
    const mount = { mountPoint: "/etc/letsencrypt", type };
    expect(judgeFileSystem("/etc/letsencrypt/live", mount).verdict).toBe(
      verdict,
    );
  });

  it("do not make a whole machine on an overlay suspicious", () => {
    const mount = { mountPoint: "/", type: "overlay" };
    expect(judgeFileSystem("/x/live", mount).verdict).toBe("ok");
  });

  it.each([
    ["the path itself", "/srv/site.pem", "/data/site.pem", "problem"],
    ["what its links lead to", "/live/a.pem", "/srv/site.pem", "problem"],
    ["its directory", "/srv/site.pem/x", "/srv/site.pem/x", "ok"],
  ])("of single files are found by %s", (_, path, resolved, verdict) => {
    const mount = { mountPoint: "/srv/site.pem", type: "ext4" };
    expect(judgeBindMounts([{ path, resolved }], [mount])[0]?.verdict).toBe(
      verdict,
    );
  });

  it("of a file that was removed underneath is found too", () => {
    const mount = { mountPoint: "/srv/site.pem//deleted", type: "ext4" };
    const file = { path: "/srv/site.pem", resolved: "/srv/site.pem" };
    expect(judgeBindMounts([file], [mount])[0]?.verdict).toBe("problem");
  });
});

describe("the verdict on a private key", () => {
  it.each([
    [0o600, true, []],
    [0o640, true, []],
    [0o644, true, ["problem"]],
    [0o602, true, ["problem"]],
    [0o644, false, ["warning"]],
    [0o600, false, []],
  ] as const)("of mode %o, reachable %s", (mode, isReachable, verdicts) => {
    const identity = {
      path: "/live/a/privkey.pem",
      resolved: "/archive/a/privkey1.pem",
      device: "1",
      inode: "1",
      sizeBytes: 1,
      modifiedNs: "1",
      changedNs: "1",
      uid: 0,
      gid: 0,
      mode,
    };
    const found = judgeKey({ identity, isReachable });
    expect(found.map(({ verdict }) => verdict)).toEqual(verdicts);
  });
});

describe("who uses a lineage", () => {
  const certbotDir = "/nowhere/le";
  const reference = {
    directive: "ssl_certificate",
    key: null,
    file: "/etc/nginx/nginx.conf",
    line: 1,
    context: "http" as const,
    servers: [],
    dynamic: false,
    inline: false,
  };

  it.each([
    [`${certbotDir}/live/a.test/fullchain.pem`, false, true],
    [`${certbotDir}/live/b.test/fullchain.pem`, false, false],
    [`${certbotDir}/live/$ssl_server_name/fullchain.pem`, true, true],
    [`${certbotDir}/live/\${name}/fullchain.pem`, true, true],
    [`${certbotDir}/live/b.$tld/fullchain.pem`, true, false],
    ["$certificate", true, true],
  ])("%s, dynamic %s, uses a.test: %s", (certificate, dynamic, isUsed) => {
    const references = [{ ...reference, certificate, dynamic }];
    const isUsedBy = usersOf({ references }, certbotDir);
    expect(isUsedBy("a.test", `${certbotDir}/live/a.test`)).toBe(isUsed);
  });
});

describe("the verdict on a file that is no lineage's own", () => {
  const lineage = { name: "a.test", path: "/le/live/a.test" };
  const versions = [
    { lineage, version: 1, currentVersion: 2, fingerprint256: "OLD" },
    { lineage, version: 2, currentVersion: 2, fingerprint256: "NEW" },
  ];
  const source = { certificate: "/srv/a.pem", file: "/etc/n.conf", line: 7 };
  const copy = "/srv/a.pem";
  const archived = "/le/archive/a.test/fullchain2.pem";

  it.each([
    ["an old copy", copy, "OLD", ["problem"]],
    ["a current copy", copy, "NEW", ["warning"]],
    ["a link to the current archive file", archived, "NEW", ["problem"]],
    ["another certificate", copy, "ELSE", []],
  ])("for %s", (_, resolved, fingerprint256, verdicts) => {
    const found = judgeFile({ source, resolved, fingerprint256 }, versions);
    expect(found.map(({ verdict }) => verdict)).toEqual(verdicts);
  });

  it("names the directive and the file to name instead", () => {
    const [found] = judgeFile(
      { source, resolved: copy, fingerprint256: "OLD" },
      versions,
    );
    expect(found?.remedy).toBe(
      "name /le/live/a.test/fullchain.pem and privkey.pem beside it in /etc/n.conf line 7",
    );
  });
});

describe("the verdict on a renewal configuration", () => {
  it.each([
    ["renew_hook = livecert hook\n", []],
    ["renew_hook = date +%F\n", []],
    ["# post_hook = %(x)s\n", []],
    ["version = 1\npost_hook = echo %(x)s\n", ["problem"]],
    ["", ["problem"]],
  ])("for %j", (text, verdicts) => {
    const found = judgeConfiguration({ path: "/le/renewal/a.conf", text });
    expect(found.map(({ verdict }) => verdict)).toEqual(verdicts);
  });

  it("names the line to remove", () => {
    const text = "version = 1\npost_hook = echo %(x)s\n";
    const [found] = judgeConfiguration({ path: "/le/renewal/a.conf", text });
    expect(found?.remedy).toBe("sed -i '2d' /le/renewal/a.conf");
  });
});

describe("the verdict on a version", () => {
  it.each([
    ["certbot 2.1.0\n", "ok"],
    ["certbot 1.0.0\n", "ok"],
    ["certbot 10.0.dev0\n", "ok"],
    ["certbot 0.40.0\n", "problem"],
    ["Traceback\ncertbot 0.9\n", "problem"],
    ["", "unknown"],
  ])("of Certbot that says %j", (said, verdict) => {
    expect(judgeVersion("/usr/bin/certbot", said).verdict).toBe(verdict);
  });

  it.each([
    ["20.19.0", "ok"],
    ["22.0.0", "ok"],
    ["20.18.3", "problem"],
    ["18.20.0", "problem"],
  ])("of Node.js %s", (version, verdict) => {
    expect(judgeNode(version).verdict).toBe(verdict);
  });
});

describe("the verdict on what is pending", () => {
  const lineage = { name: "a.test", path: "/le/live/a.test" };
  const pending = [{ lineage, certificate: null }];
  const helper = "livecert-retry.timer";

  it.each([
    [[], 0, helper, "ok"],
    [[], 0, null, "warning"],
    [pending, 0, helper, "warning"],
    [pending, 0, null, "problem"],
    [[], 2, null, "problem"],
  ] as const)(
    "%j and %i queued with %s",
    (waiting, queuedCount, who, verdict) => {
      const retry = { pending: waiting, queuedCount, helper: who, idle: null };
      expect(judgeRetry(retry, "./install.sh").verdict).toBe(verdict);
    },
  );

  it.each([
    ['*/15 * * * * root test -x "/x/livecert" && "/x/livecert" retry', true],
    ["ExecStart=/usr/local/bin/livecert retry", true],
    ["ExecStart=/usr/local/bin/livecert watch", false],
  ])("knows %j for its own timer: %s", (text, isOne) => {
    expect(isRetry(text)).toBe(isOne);
  });
});

describe("the verdict on other masters", () => {
  const other = {
    pid: 12,
    executable: "/usr/sbin/nginx (deleted)",
    configuration: "/srv/nginx.conf",
    isElsewhere: false,
  };

  it("names each, and the command that looks at the first that can be reached", () => {
    const container = { ...other, pid: 13, isElsewhere: true };
    const found = judgeOthers([container, other]);
    expect(found.message).toContain("(pid 13)");
    expect(found.remedy).toBe(
      "livecert status --nginx-bin /usr/sbin/nginx --nginx-conf /srv/nginx.conf",
    );
    expect(judgeOthers([container]).remedy).toBeNull();
  });

  it("is ok without any", () => {
    expect(judgeOthers([]).verdict).toBe("ok");
  });
});
