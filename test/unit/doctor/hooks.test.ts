import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseRenewalConfiguration } from "../../../src/adapters/certbot/renewal.ts";
import {
  deedOf,
  isDeferring,
  programsOf,
} from "../../../src/doctor/hook-script.ts";
import {
  judgeHook,
  judgeOptions,
  judgeOther,
  judgeRenewal,
  judgeSecondCall,
  type HookScript,
} from "../../../src/doctor/hooks.ts";
import {
  judgeEntry,
  judgeTimer,
  judgeUnitSettings,
} from "../../../src/doctor/starts.ts";
import { effectiveLines } from "../../../src/doctor/schedule.ts";

describe("what a hook does", () => {
  it.each([
    ["livecert hook --defer", "livecert"],
    ["/usr/local/bin/livecert --config /x.yaml hook", "livecert"],
    ["/usr/bin/node /opt/livecert/dist/livecert.js hook", "livecert"],
    ['"$node" "$livecert" hook "$mode" || nginx -s reload', "livecert"],
    ["#!/bin/sh\n# livecert hook was here\nnginx -s reload", "blind-reload"],
    ["nginx -s reload", "blind-reload"],
    ["nginx -t && /usr/sbin/nginx -c /x.conf -s reload", "blind-reload"],
    ["openresty -s 'reload'", "blind-reload"],
    ["systemctl reload nginx", "blind-reload"],
    ["systemctl --no-block reload-or-restart nginx.service", "blind-reload"],
    ["systemctl \\\n  restart angie", "blind-reload"],
    ["service nginx force-reload", "blind-reload"],
    ["/etc/init.d/nginx restart", "blind-reload"],
    ["kill -HUP $(cat /run/nginx.pid)", "blind-reload"],
    ["pkill -1 nginx", "blind-reload"],
    ["systemctl start nginx", "other"],
    ["systemctl reload postfix", "other"],
    ["systemctl reload postfix; systemctl status nginx", "other"],
    ["nginx -t", "other"],
    ["docker exec web nginx -s reload", "other"],
    ["ssh web systemctl reload nginx", "other"],
    ["# nginx -s reload", "other"],
    ["cp $RENEWED_LINEAGE/*.pem /srv/livecert-hooks/", "other"],
    ["", "other"],
  ] as const)("%j is %s", (text, deed) => {
    expect(deedOf(text)).toBe(deed);
  });

  it("knows the template that install.sh fills in, with its mode and programs", () => {
    const template = readFileSync(
      new URL("../../../hooks/livecert", import.meta.url),
      "utf8",
    );
    const text = template
      .replace("@NODE@", "/usr/bin/node")
      .replace("@LIVECERT@", "/usr/local/lib/livecert/livecert.js");
    expect(deedOf(text)).toBe("livecert");
    expect(programsOf(text)).toEqual([
      "/usr/bin/node",
      "/usr/local/lib/livecert/livecert.js",
    ]);
    expect(isDeferring(text.replace("@MODE@", "--defer"))).toBe(true);
    expect(isDeferring(text.replace("@MODE@", "--flush"))).toBe(false);
  });
});

function script(given: Partial<HookScript> = {}): HookScript {
  return {
    name: "livecert",
    path: "/hooks/deploy/livecert",
    isExecutable: true,
    text: "livecert hook --defer",
    missing: [],
    ...given,
  };
}

function judge(
  scripts: readonly HookScript[],
  given: { readonly reason?: string; readonly isEverywhere?: boolean } = {},
): ReturnType<typeof judgeHook> {
  return judgeHook({
    moment: "deploy",
    directory: { path: "/hooks/deploy", scripts, reason: given.reason ?? null },
    isEverywhere: given.isEverywhere ?? false,
    install: "./install.sh",
  });
}

describe("the verdict on a hook directory", () => {
  it.each([
    ["ok", "one that is executable", [script()]],
    [
      "ok",
      "one under another name",
      [script({ name: "50-live", path: "/hooks/deploy/50-live" })],
    ],
    [
      "ok",
      "one beside a copy that is not executable",
      [script({ isExecutable: false }), script({ name: "z" })],
    ],
    ["problem", "none", []],
    [
      "problem",
      "one that is not executable",
      [script({ isExecutable: false })],
    ],
    ["problem", "one whose program has gone", [script({ missing: ["/x"] })]],
    ["problem", "one that was replaced", [script({ text: "nginx -s reload" })]],
    [
      "problem",
      "only other scripts",
      [script({ name: "mail", text: "systemctl reload postfix" })],
    ],
  ] as const)("is %s for %s", (verdict, _, scripts) => {
    expect(judge(scripts).verdict).toBe(verdict);
  });

  it("is unknown where the directory cannot be read", () => {
    expect(judge([], { reason: "permission denied" })).toMatchObject({
      verdict: "unknown",
      remedy: "sudo livecert doctor",
    });
  });

  it("is ok without a script where every lineage calls livecert itself", () => {
    expect(judge([], { isEverywhere: true }).verdict).toBe("ok");
  });

  it("quotes a path with a blank in the command that mends it", () => {
    const path = "/my hooks/livecert";
    expect(judge([script({ path, isExecutable: false })]).remedy).toBe(
      "chmod +x '/my hooks/livecert'",
    );
  });
});

describe("hooks beside livecert's", () => {
  it("does not mind a blind reload in a script that Certbot passes over", () => {
    const blind = { text: "nginx -s reload", path: "/hooks/deploy/x" };
    expect(judgeOther(script(blind))).toHaveLength(1);
    expect(judgeOther(script({ ...blind, isExecutable: false }))).toEqual([]);
  });

  it.each([
    ["renew_hook = nginx -s reload", 1],
    ["renew_hook = '''nginx -t, then: nginx -s reload'''", 1],
    ["post_hook = systemctl reload nginx", 1],
    [
      "renew_hook = service nginx reload\npost_hook = systemctl restart nginx",
      2,
    ],
    ["renew_hook = livecert hook", 0],
    ["post_hook = systemctl start nginx", 0],
    ["pre_hook = systemctl stop nginx\npost_hook = systemctl restart nginx", 0],
    ["", 0],
  ])("finds what %j reloads blindly", (text, count) => {
    const configuration = parseRenewalConfiguration(
      `[renewalparams]\n${text}\n`,
    );
    const path = "/etc/letsencrypt/renewal/a.conf";
    expect(judgeRenewal({ path, configuration })).toHaveLength(count);
  });

  it.each([
    ["renew_hook = livecert hook", 1],
    ["deploy_hook = /usr/local/bin/livecert hook", 1],
    ["post_hook = livecert hook --flush", 0],
    ["renew_hook = /bin/true", 0],
    ["", 0],
  ])("finds what %j calls beside a script that defers", (text, count) => {
    const configuration = parseRenewalConfiguration(
      `[renewalparams]\n${text}\n`,
    );
    const path = "/etc/letsencrypt/renewal/a.conf";
    expect(judgeSecondCall({ path, configuration })).toHaveLength(count);
  });

  it.each([
    ["deploy-hook = systemctl reload nginx", 1],
    ["renew-hook: nginx -s reload", 1],
    ["# deploy-hook = nginx -s reload", 0],
    ["deploy-hook = livecert hook", 0],
    ["max-log-backups = 0", 0],
    ["pre-hook = service nginx stop\npost-hook = service nginx restart", 0],
    ["pre-hook = echo\npost-hook = service nginx restart", 1],
  ])("finds what %j of cli.ini reloads blindly", (text, count) => {
    const path = "/root/.config/letsencrypt/cli.ini";
    const found = judgeOptions({ path, text: `${text}\n` });
    expect(found).toHaveLength(count);
    for (const { message } of found) expect(message).toContain(path);
  });

  it.each([
    [
      `0 3 * * * root certbot renew -q --deploy-hook "systemctl reload nginx"`,
      1,
    ],
    ["0 3 * * * root certbot renew && nginx -s reload", 1],
    ["0 3 * * * root certbot renew -q", 0],
    ["certbot renew\nsystemctl reload nginx", 1],
    [
      `0 3 * * * root certbot renew --deploy-hook "livecert hook" && systemctl reload nginx`,
      1,
    ],
    [
      `0 3 * * * root certbot renew --deploy-hook "systemctl reload postfix" --nginx`,
      0,
    ],
    [
      "0 3 * * * root certbot renew --deploy-hook='pkill -HUP haproxy' --cert-name nginx",
      0,
    ],
    ["0 3 * * * root certbot renew; systemctl restart nginx-exporter", 0],
    [`0 3 * * * root certbot renew --deploy-hook "livecert hook"`, 0],
    [
      `0 3 * * * root certbot renew --pre-hook "service nginx stop" --post-hook "service nginx restart"`,
      0,
    ],
  ])("finds what %j of a crontab reloads blindly", (text, count) => {
    const own = judgeEntry({ file: "/etc/cron.d/certbot", text });
    expect(own).toHaveLength(count);
    const personal = judgeEntry({
      file: "/var/spool/cron/crontabs/root",
      text,
    });
    expect(personal.map(({ remedy }) => remedy)).toEqual(
      own.map(() => "crontab -u root -e"),
    );
  });

  it("finds what a timer's service reloads blindly", () => {
    const service = "certbot-renew.service";
    const unit = (...lines: readonly string[]) => ({
      service,
      text: effectiveLines(lines.join("\n")),
    });
    const start = "ExecStart=/usr/bin/certbot renew";
    const reload = "ExecStartPost=/bin/systemctl reload nginx";
    expect(judgeTimer(unit("[Service]", start, reload))).toMatchObject([
      { remedy: "systemctl edit --full certbot-renew.service" },
    ]);
    for (const off of [
      [`#${reload}`],
      [`;${reload}`],
      [reload, "ExecStartPost="],
    ])
      expect(judgeTimer(unit("[Service]", start, ...off))).toEqual([]);
  });

  it("finds what the settings of Fedora's unit reload blindly", () => {
    const text = `POST_HOOK="--post-hook 'systemctl reload nginx'"\n`;
    expect(judgeUnitSettings(text)).toHaveLength(1);
    const deploy = `DEPLOY_HOOK="--deploy-hook 'livecert hook'"\n`;
    expect(judgeUnitSettings(deploy)).toEqual([]);
    expect(judgeUnitSettings(`${deploy}${text}`)).toHaveLength(1);
    expect(judgeUnitSettings(`# ${text}POST_HOOK=""\n`)).toEqual([]);
  });
});
