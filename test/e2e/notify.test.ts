/** What people are told, through real receivers: each message once in the end, and no run waits for one. */
import { createHmac } from "node:crypto";
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Message } from "../../src/core/incidents/message.ts";
import { writeScript } from "../support/hook.ts";
import { besideAnotherRun } from "../support/another-run.ts";
import { HostBed } from "../support/host.ts";
import {
  hangingCommand,
  MailSink,
  WebReceiver,
  type Received,
} from "../support/receivers.ts";
import { NginxBed, nginxProgram, serverBlock } from "../support/nginx.ts";
import { freePort } from "../support/ports.ts";
import type { RunOptions, RunResult } from "../support/run.ts";
import { configureNames, serveNames } from "../support/serve.ts";
import { waitFor } from "../support/wait.ts";
import { WatcherBed } from "../support/watcher.ts";

const name = "told.example.test";

/** Whatever could not be sent is sent by whoever comes next. */
const soon = { alerts: { "send-again": "1ms" } };

/** A JSON document is YAML too. */
async function configure(
  host: HostBed,
  configuration: object,
): Promise<readonly string[]> {
  const file = join(host.directory, "livecert.yaml");
  await writeFile(file, JSON.stringify(configuration), { mode: 0o600 });
  return ["--config", file];
}

/** Names are lost: nothing that Nginx's own test would find. */
async function breakLineage(host: HostBed, broken = name): Promise<void> {
  const files = await host.files(["other.example.test"]);
  await host.certbot.write(broken, files);
}

function messageIn({ body }: Received): Message {
  return JSON.parse(body) as Message;
}

/** What came, each once: an attempt that was cut off may have arrived, and comes again under its name. */
function toldBy(receiver: WebReceiver): readonly Message[] {
  const messages = receiver.requests.map(messageIn);
  return [...new Map(messages.map((one) => [one.id, one])).values()];
}

/** What Certbot calls a hook with. */
function renewedBy({ certbot }: HostBed): NodeJS.ProcessEnv {
  return { ...process.env, RENEWED_LINEAGE: certbot.live(name) };
}

/** A run that has told everything: it sends for less than a second by itself, which is little on a busy machine. */
async function runAndTell(
  host: HostBed,
  args: readonly string[],
  options: Pick<RunOptions, "through" | "environment"> = {},
): Promise<RunResult> {
  const ended = await host.livecert.run(args, options);
  if ((await outbox(host)).length === 0) return ended;
  const flags = args.slice(args.indexOf("--config"));
  await host.livecert.run(["notify", ...flags], options);
  return ended;
}

const days = (number: number) => ({
  through: ["faketime", "-f", `+${String(Math.round(number * 86_400))}`],
});

async function outbox(host: HostBed): Promise<readonly string[]> {
  const directory = join(host.livecert.stateDirectory, "v1", "outbox");
  const files = await readdir(directory).catch(() => []);
  return files.filter((file) => file.endsWith(".json"));
}

describe("while a watcher runs", () => {
  it("a failure and its end reach every channel once, also one that failed twice and one that hung", async () => {
    await using host = await HostBed.create();
    await using sink = await MailSink.start();
    await using receiver = await WebReceiver.start(500, 503);
    await using chat = await WebReceiver.start();
    const command = await hangingCommand(host.directory);
    await writeFile(command.hanging, "");
    await serveNames(host, [name]);
    const flags = await configure(host, {
      alerts: { timeout: "5s", "send-again": "200ms" },
      notify: [
        {
          ...{ kind: "email", from: "livecert@example.test" },
          ...{ to: "root@example.test", host: "127.0.0.1", port: sink.port },
        },
        { kind: "webhook", url: `${receiver.url}/hook` },
        { kind: "ntfy", url: `${chat.url}/topic` },
        { kind: "command", command: [command.program] },
      ],
    });
    await using watcher = await WatcherBed.start(host.livecert, { flags });

    await breakLineage(host);
    await watcher.says("not live");
    await waitFor("the failure is told", () => {
      return (
        sink.mails.length === 1 &&
        receiver.accepted.length === 1 &&
        chat.accepted.length === 1
      );
    });
    expect(receiver.requests).toHaveLength(3);
    // The command still hangs, and nothing waits for it: what is renewed now goes live.
    const pair = await host.renew(name);
    expect(pair.certificate).toContain(name);
    await watcher.says("no longer failing");
    expect(await command.messages()).toEqual([]);
    await rm(command.hanging);

    await waitFor("everything is told", async () => {
      return (
        sink.mails.length === 2 &&
        receiver.accepted.length === 2 &&
        chat.accepted.length === 2 &&
        (await command.messages()).length === 2 &&
        (await outbox(host)).length === 0
      );
    });
    const told = receiver.accepted.map(messageIn);
    expect(told).toMatchObject([
      {
        ...{ event: "opened", severity: "critical", kind: "rejected" },
        ...{ target: "host", count: 1 },
        certificates: [{ name, path: host.certbot.live(name) }],
      },
      { event: "recovered", severity: "ok", kind: null, family: "deployment" },
    ]);
    expect(told[0]?.title).toContain(name);
    expect(new Set(told.map(({ id }) => id)).size).toBe(2);
    expect((await command.messages()).map(({ id }) => id)).toEqual(
      told.map(({ id }) => id),
    );
    expect(sink.mails[0]).toMatch(
      /^Subject: \[livecert .*told\.example\.test/m,
    );
    expect(sink.mails[0]).toContain("Auto-Submitted: auto-generated");
    expect(chat.accepted.map(({ path }) => path)).toEqual(["/topic", "/topic"]);
    await watcher.stop();
    expect(receiver.requests).toHaveLength(4);
  });

  it("what a hook finds is sent by the watcher", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    await serveNames(host, [name]);
    const flags = await configure(host, {
      alerts: { "send-again": "200ms" },
      notify: [{ kind: "webhook", url: receiver.url }],
    });
    // It sees nothing of what happens below live/ for itself.
    await using watcher = await WatcherBed.start(host.livecert, {
      flags: [...flags, "--watch-quiet", "1h"],
    });
    await breakLineage(host);
    const { exitCode } = await host.livecert.run(["deploy", name, ...flags]);
    expect(exitCode).toBe(3);
    await watcher.says("message sent");
    expect(receiver.requests.map(messageIn)).toMatchObject([
      { event: "opened", kind: "rejected" },
    ]);
  });

  it("a renewal that no lock is to be had for is told of, and its end", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    await serveNames(host, [name]);
    const flags = await configure(host, {
      alerts: { "send-again": "200ms" },
      limits: { lock: "1s", "lock-hook": "1s", "certbot-wait": "1s" },
      watch: { quiet: "100ms", "retry-first": "1s" },
      notify: [{ kind: "webhook", url: receiver.url }],
    });
    await using watcher = await WatcherBed.start(host.livecert, { flags });
    await besideAnotherRun(host.livecert, async () => {
      await host.renew(name);
      const { exitCode } = await host.livecert.run(["hook", ...flags], {
        environment: renewedBy(host),
      });
      expect(exitCode).toBe(7);
      await waitFor("it is told", () => receiver.accepted.length === 1);
    });
    await waitFor("its end is told", () => receiver.accepted.length === 2);
    expect(receiver.accepted.map(messageIn)).toMatchObject([
      { event: "opened", kind: "locked", certificates: [{ name }] },
      { event: "recovered", certificates: [{ name }] },
    ]);
    await watcher.stop();
  });

  it("a message that its receiver refuses for what it says holds up no other one", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start(400);
    await serveNames(host, [name]);
    const flags = await configure(host, {
      alerts: { "send-again": "30m" },
      notify: [{ kind: "webhook", url: receiver.url }],
    });
    await using watcher = await WatcherBed.start(host.livecert, { flags });
    await breakLineage(host);
    await watcher.says("a message could not be sent");
    await host.renew(name);
    await watcher.says("message sent");
    expect(receiver.accepted.map(messageIn)).toMatchObject([
      { event: "recovered" },
    ]);
    expect(await outbox(host)).toHaveLength(1);
  });

  it("a message that was under way when the watcher was killed is sent again under its name", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start("never");
    await serveNames(host, [name]);
    const flags = await configure(host, {
      alerts: { "send-again": "200ms", timeout: "5m" },
      notify: [{ kind: "webhook", url: receiver.url }],
    });
    await using first = await WatcherBed.start(host.livecert, { flags });
    await breakLineage(host);
    await waitFor("the message is under way", () => {
      return receiver.requests.length === 1;
    });
    await first.kill();
    await using second = await WatcherBed.start(host.livecert, { flags });
    await second.says("message sent");
    const [lost, sent, ...more] = receiver.requests;
    expect(more).toEqual([]);
    expect(sent?.headers["idempotency-key"]).toBe(
      lost?.headers["idempotency-key"],
    );
    expect(sent?.body).toBe(lost?.body);
  });
});

describe("where no watcher runs", () => {
  it("a run sends for itself, and waits for no channel that hangs", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    const command = await hangingCommand(host.directory);
    await writeFile(command.hanging, "");
    await serveNames(host, [name]);
    const flags = await configure(host, {
      // A run that waited for it would be killed by the test's own limit.
      alerts: { timeout: "10m", "send-again": "1ms" },
      notify: [
        { kind: "command", command: [command.program] },
        { kind: "webhook", url: receiver.url },
      ],
    });
    await breakLineage(host);
    const environment = renewedBy(host);
    const hook = async () => {
      const { exitCode } = await host.livecert.run(["hook", ...flags], {
        environment,
        limitMs: 60_000,
      });
      expect(exitCode).toBe(3);
    };
    await hook();
    await waitFor("a run has sent it", async () => {
      await hook();
      return receiver.accepted.length > 0;
    });
    expect(toldBy(receiver)).toMatchObject([
      { event: "opened", kind: "rejected" },
    ]);
    expect(await command.messages()).toEqual([]);
    expect(await outbox(host)).toHaveLength(1);

    await rm(command.hanging);
    const accepted = receiver.accepted.length;
    const sent = await host.livecert.run(["notify", ...flags]);
    expect(sent).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^command\tcommand\t.*\tsent\n$/) as string,
    });
    expect(await command.messages()).toHaveLength(1);
    expect(await outbox(host)).toEqual([]);
    expect((await host.livecert.run(["notify", ...flags])).stdout).toBe(
      "no message waits to be sent\n",
    );
    expect(receiver.accepted).toHaveLength(accepted);
  });

  it("certificates that fail for one reason are one message, and their end another", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    const names = Array.from({ length: 12 }, (_, n) => `n${n}.example.test`);
    await serveNames(host, names);
    const flags = await configure(host, {
      ...soon,
      notify: [{ kind: "webhook", url: receiver.url }],
    });
    const deploy = () => runAndTell(host, ["deploy", ...flags]);
    const configuration = await readFile(host.nginx.configuration, "utf8");
    await writeFile(host.nginx.configuration, `${configuration}\nnonsense;\n`);
    for (const again of [1, 2, 3]) {
      expect((await deploy()).exitCode, String(again)).toBe(4);
    }
    await writeFile(host.nginx.configuration, configuration);
    for (const again of [1, 2]) {
      expect((await deploy()).exitCode, String(again)).toBe(0);
    }
    expect(toldBy(receiver)).toMatchObject([
      { event: "opened", kind: "config-invalid", count: 12 },
      { event: "recovered", count: 12 },
    ]);
    const [told] = toldBy(receiver);
    expect(told?.certificates.map((one) => one.name)).toEqual(
      [...names].sort(),
    );
  });

  it("an Nginx that is stopped is told only after it could have been started again", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    await serveNames(host, [name]);
    const flags = await configure(host, {
      ...soon,
      notify: [{ kind: "webhook", url: receiver.url }],
    });
    expect((await runAndTell(host, ["deploy", ...flags])).exitCode).toBe(0);
    await host.nginx.stop();
    const later = (minutes: number) => days(minutes / 1_440);
    await runAndTell(host, ["deploy", ...flags]);
    await runAndTell(host, ["deploy", ...flags], later(14));
    expect(receiver.requests).toEqual([]);
    await runAndTell(host, ["deploy", ...flags], later(16));
    await runAndTell(host, ["deploy", ...flags], later(40));
    expect(toldBy(receiver)).toMatchObject([
      { event: "opened", kind: "not-running" },
    ]);
  });

  it.each([
    {
      what: "another run that does not end",
      limits: { "lock-hook": "1s", lock: "1s" },
      isHeld: true,
      ends: { exitCode: 7, reason: "livecert deploy holds since" },
    },
    {
      what: "a limit that is too short",
      limits: { hook: "1ms" },
      isHeld: false,
      ends: { exitCode: 5, reason: "did not end within 0.001 s" },
    },
  ])(
    "a renewal that waits for $what is told of once, and of its end",
    async ({ limits, isHeld, ends: { exitCode, reason } }) => {
      await using host = await HostBed.create();
      await using receiver = await WebReceiver.start();
      const address = await serveNames(host, [name]);
      const flags = await configure(host, {
        ...soon,
        limits,
        notify: [{ kind: "webhook", url: receiver.url }],
      });
      await host.renew(name);
      const environment = renewedBy(host);
      const hook = (minutes: number) =>
        runAndTell(host, ["hook", ...flags], {
          ...days(minutes / 1_440),
          environment,
        });
      const wait = async () => {
        for (const minutes of [0, 14]) {
          const ended = await hook(minutes);
          expect(ended.exitCode, ended.stderr).toBe(exitCode);
          expect(receiver.requests, ended.stderr).toEqual([]);
        }
        for (const minutes of [16, 40, 700])
          expect((await hook(minutes)).exitCode).toBe(exitCode);
        expect(toldBy(receiver)).toMatchObject([
          {
            ...{ event: "opened", kind: "locked", target: "host", count: 1 },
            certificates: [
              { name, reason: expect.stringContaining(reason) as string },
            ],
          },
        ]);
      };
      await (isHeld ? besideAnotherRun(host.livecert, wait) : wait());
      const ended = await runAndTell(host, ["retry", ...flags], days(0.5));
      expect(ended.exitCode, ended.stderr).toBe(0);
      expect(await host.isLive(name, address)).toBe(true);
      expect(toldBy(receiver).slice(1)).toMatchObject([
        { event: "recovered", family: "deployment", certificates: [{ name }] },
      ]);
      // What was told beside the holder's book stands in it.
      const books = join(host.livecert.stateDirectory, "v1", "incidents");
      expect(await readdir(books)).toHaveLength(1);
    },
  );

  it("a renewal that waited for a short while is not told of, whichever Nginx uses it", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    await serveNames(host, ["first.example.test"]);
    const pair = await host.renew(name);
    const address = await host.nginx.address();
    await using other = await NginxBed.start({
      http: serverBlock({ listen: [`${address} ssl`], pairs: [pair] }),
    });
    const flags = await configure(host, {
      ...soon,
      limits: { "lock-hook": "1s" },
      notify: [{ kind: "webhook", url: receiver.url }],
      targets: [{ kind: "host" }, other.commandTarget("other")],
    });
    expect((await runAndTell(host, ["deploy", ...flags])).exitCode).toBe(0);
    await host.renew(name);
    const environment = renewedBy(host);
    await besideAnotherRun(host.livecert, async () => {
      const hook = ["hook", ...flags];
      const { exitCode } = await runAndTell(host, hook, { environment });
      expect(exitCode).toBe(7);
    });
    for (const minutes of [5, 20, 40]) {
      const retry = ["retry", ...flags];
      const ended = await runAndTell(host, retry, days(minutes / 1_440));
      expect(ended.exitCode, ended.stdout).toBe(0);
    }
    expect(await host.isLive(name, address)).toBe(true);
    expect(receiver.requests).toEqual([]);
  });

  it("what a crash kept from the outbox is handed over by the next run, though nothing has changed", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    await serveNames(host, [name]);
    const flags = await configure(host, {
      ...soon,
      notify: [{ kind: "webhook", url: receiver.url }],
    });
    const deploy = () => runAndTell(host, ["deploy", name, ...flags]);
    await breakLineage(host);
    await deploy();
    const [told] = toldBy(receiver);
    // As it is written before the outbox is, with the message under another name.
    const directory = join(host.livecert.stateDirectory, "v1", "incidents");
    const [entry = ""] = await readdir(directory);
    const file = join(directory, entry);
    const book = JSON.parse(await readFile(file, "utf8")) as object;
    const unsent = [{ ...told, id: "from-before-the-crash" }];
    await writeFile(file, JSON.stringify({ ...book, unsent }));
    await deploy();
    await deploy();
    expect(toldBy(receiver).map(({ id }) => id)).toEqual([
      told?.id,
      "from-before-the-crash",
    ]);
  });

  it("a file's name that forges lines of a mail stays a name", async () => {
    await using host = await HostBed.create();
    await using sink = await MailSink.start();
    const forged = join(
      host.directory,
      "a\r\nBcc: x@evil.test\r\n\r\n\u202etset",
    );
    const pair = { certificate: `${forged}.pem`, key: `${forged}.key` };
    const write = async (covered: string): Promise<void> => {
      const files = await host.files([covered]);
      await writeFile(pair.certificate, files.fullchain);
      await writeFile(pair.key, files.privkey, { mode: 0o600 });
    };
    await write(name);
    await configureNames(host, await host.nginx.address(), [{ name, pair }]);
    await host.nginx.start();
    const flags = await configure(host, {
      ...soon,
      notify: [
        {
          ...{ kind: "email", from: "livecert@example.test" },
          ...{ to: "root@example.test", host: "127.0.0.1", port: sink.port },
        },
      ],
    });
    await write("other.example.test");
    expect((await runAndTell(host, ["deploy", ...flags])).exitCode).toBe(3);
    const [mail = ""] = sink.mails;
    const [head = ""] = mail.split("\r\n\r\n");
    expect(head).not.toMatch(/^Bcc:/im);
    expect(head).toMatch(/^Subject: /m);
  });
});

describe("the retry timer, where no watcher runs", () => {
  it("finds twice a day what no hook was called for, and reloads nothing for it", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    const address = await serveNames(host, [name, "other.example.test"]);
    const flags = await configure(host, {
      ...soon,
      notify: [{ kind: "webhook", url: receiver.url }],
    });
    const retry = async (hours: number) => {
      const { exitCode, stderr } = await runAndTell(
        host,
        ["retry", ...flags],
        days(hours / 24),
      );
      expect(exitCode, stderr).toBe(0);
    };
    await retry(0);
    await host.renew(name);
    await retry(11);
    expect(receiver.requests).toEqual([]);
    await retry(13);
    await retry(26);
    expect(toldBy(receiver)).toMatchObject([
      { event: "opened", kind: "stale", certificates: [{ name }] },
    ]);
    expect(await host.isLive(name, address)).toBe(false);
    expect(await host.nginx.reconfigurations()).toBe(0);
  });
});

describe("retry whose look at everything finds the lock taken", () => {
  it("has answered already, and says what was left out", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    const flags = await configure(host, {
      limits: { lock: "1s" },
      notify: [{ kind: "command", command: ["/bin/true"] }],
    });
    await breakLineage(host);
    expect((await host.livecert.run(["deploy", ...flags])).exitCode).toBe(3);
    await host.renew(name);
    // Somebody waits for the lock while the run has it, and keeps it.
    const program = join(host.directory, "nginx");
    const lock = join(host.livecert.runDirectory, "lock");
    const queue = `setsid flock -w 5 '${lock}' sleep 5 >/dev/null 2>&1 </dev/null &`;
    await writeScript(
      program,
      `case "$*" in *-T) ${queue} ;; esac`,
      `exec ${nginxProgram} "$@"`,
    );
    const { exitCode, stderr } = await host.livecert.run(
      ["retry", "--nginx-bin", program, ...flags],
      days(1),
    );
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain("not everything was looked at");
    expect(await host.isLive(name, address)).toBe(true);
  });
});

describe("a certificate of six days that nobody renews", () => {
  it("is told of on the right days, with the end of Certbot's log, and of its end", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    const dayMs = 86_400_000;
    const notBefore = new Date(Date.now() - 3_600_000);
    const notAfter = new Date(notBefore.getTime() + 6 * dayMs);
    await host.renew(name, { notBefore, notAfter });
    await host.renew("long.example.test");
    await configureNames(host, await host.nginx.address(), [
      { name },
      { name: "long.example.test" },
    ]);
    await host.nginx.start();
    const logs = join(host.directory, "logs");
    await mkdir(logs);
    await writeFile(
      join(logs, "letsencrypt.log"),
      `${"an old line\n".repeat(20)}2026-01-01 DEBUG: challenge failed\n`,
    );
    const flags = await configure(host, {
      alerts: { ...soon.alerts, "certbot-logs": logs },
      notify: [{ kind: "webhook", url: receiver.url }],
    });
    const told: unknown[] = [];
    for (const day of [1, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7]) {
      const before = toldBy(receiver).length;
      await runAndTell(host, ["deploy", ...flags], days(day));
      for (const { event, kind, certificates } of toldBy(receiver).slice(
        before,
      ))
        told.push([day, event, kind, certificates.map((one) => one.name)]);
    }
    expect(told).toEqual([
      [4, "opened", "overdue", [name]],
      [5, "reminder", "overdue", [name]],
      [6, "opened", "expired", [name]],
      [7, "reminder", "expired", [name]],
    ]);
    const [first] = toldBy(receiver);
    expect(first?.details.at(-1)).toBe("  2026-01-01 DEBUG: challenge failed");
    expect(first?.details.filter((line) => line.startsWith("  "))).toHaveLength(
      10,
    );

    await host.renew(name, {
      notBefore,
      notAfter: new Date(notBefore.getTime() + 90 * dayMs),
    });
    await runAndTell(host, ["deploy", ...flags], days(8));
    expect(toldBy(receiver).at(-1)).toMatchObject({
      event: "recovered",
      family: "renewal",
    });
  });
});

describe("certificates of 90, 45 and 6 days that nobody renews", () => {
  it("are told of on exactly these of 30 days, each thing once", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    const dayMs = 86_400_000;
    const lives = [
      { name: "d90.example.test", days: 90, age: 60 },
      { name: "d45.example.test", days: 45, age: 17 },
      { name: "d6.example.test", days: 6, age: 0 },
    ];
    const datesOf = (age: number, days: number) => {
      const notBefore = new Date(Date.now() - age * dayMs - 3_600_000);
      return {
        notBefore,
        notAfter: new Date(notBefore.getTime() + days * dayMs),
      };
    };
    for (const { name: one, days, age } of lives)
      await host.renew(one, datesOf(age, days));
    await configureNames(
      host,
      await host.nginx.address(),
      lives.map(({ name: one }) => ({ name: one })),
    );
    await host.nginx.start();
    const flags = await configure(host, {
      alerts: { ...soon.alerts, "certbot-logs": join(host.directory, "none") },
      notify: [{ kind: "webhook", url: receiver.url }],
    });
    const toldOn = async (day: number): Promise<readonly string[]> => {
      const before = toldBy(receiver).length;
      await runAndTell(host, ["deploy", ...flags], days(day));
      return toldBy(receiver)
        .slice(before)
        .map(({ event, kind, family, certificates }) => {
          const names = certificates.map((one) => one.name.split(".")[0]);
          return `${String(day)} ${event} ${kind ?? family ?? ""} ${names.join(" ")}`;
        })
        .sort();
    };
    const told: string[] = [];
    for (let day = 0; day <= 30; day++) told.push(...(await toldOn(day)));
    expect(told).toEqual([
      "1 opened overdue d90",
      "2 reminder overdue d90",
      "4 opened overdue d6",
      "4 reminder overdue d90",
      "5 reminder overdue d6",
      "6 opened expired d6",
      "7 reminder expired d6",
      "8 reminder overdue d90",
      "9 reminder expired d6",
      "13 reminder expired d6",
      "14 opened overdue d45",
      "15 reminder overdue d45",
      "16 reminder overdue d90",
      "17 reminder overdue d45",
      "21 reminder expired d6",
      "21 reminder overdue d45",
      "28 opened expired d45",
      "29 reminder expired d45",
      "30 opened expired d90",
    ]);
    for (const { name: one } of lives) await host.renew(one, datesOf(0, 90));
    expect(await toldOn(31)).toEqual(["31 recovered renewal d45 d6 d90"]);
    expect(await toldOn(32)).toEqual([]);
  }, 600_000);
});

describe("livecert notify --test", () => {
  it("tries every channel and says which took it, in a table and in a document", async () => {
    await using host = await HostBed.create();
    await using sink = await MailSink.start({
      user: "u",
      password: "p4ssw0rd",
    });
    await using receiver = await WebReceiver.start();
    await using broken = await WebReceiver.start(403, 403);
    const password = join(host.directory, "password");
    await writeFile(password, "p4ssw0rd\n", { mode: 0o600 });
    const sendmail = join(host.directory, "sendmail");
    const mail = join(host.directory, "mail");
    await writeScript(sendmail, `echo "$@" > '${mail}'; cat >> '${mail}'`);
    const flags = await configure(host, {
      notify: [
        {
          ...{ kind: "email", from: "livecert@example.test" },
          ...{ to: ["a@example.test", "b@example.test"], host: "127.0.0.1" },
          ...{ port: sink.port, user: "u", password: { file: password } },
        },
        {
          ...{ kind: "sendmail", from: "livecert@example.test" },
          ...{ to: "root@example.test", program: sendmail },
        },
        { kind: "webhook", url: receiver.url },
        { kind: "slack", url: `${receiver.url}/slack` },
        { kind: "mattermost", url: `${receiver.url}/mattermost` },
        { kind: "discord", url: `${receiver.url}/discord` },
        { kind: "ntfy", url: `${receiver.url}/ntfy`, token: "t0ken" },
        { kind: "webhook", name: "broken", url: `${broken.url}/s3cret` },
        { kind: "command", command: ["/bin/false"] },
      ],
    });
    const result = await host.livecert.run(["notify", "--test", ...flags]);
    const rows = result.stdout.trimEnd().split("\n");
    expect(
      rows.map((row) => row.split("\t").filter((_, i) => i !== 2)),
    ).toEqual([
      ["email", "email", "sent"],
      ["sendmail", "sendmail", "sent"],
      ["webhook", "webhook", "sent"],
      ["slack", "slack", "sent"],
      ["mattermost", "mattermost", "sent"],
      ["discord", "discord", "sent"],
      ["ntfy", "ntfy", "sent"],
      ["broken", "webhook", "failed: the receiver answered 403"],
      ["command", "command", "failed: /bin/false exited with 1"],
    ]);
    expect(result.exitCode).toBe(3);
    expect(sink.mails[0]).toContain("To: a@example.test, b@example.test");
    expect(await readFile(mail, "utf8")).toMatch(
      /^-i -- root@example\.test\n[^]*^Subject: .*a test of livecert/m,
    );
    const ntfy = receiver.requests.find(({ path }) => path === "/ntfy");
    expect(ntfy?.headers).toMatchObject({
      authorization: "Bearer t0ken",
      title: expect.stringContaining("test") as string,
    });
    const json = await host.livecert.run([
      "notify",
      "--test",
      "--json",
      ...flags,
    ]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      schema: 1,
      messages: expect.arrayContaining([
        expect.objectContaining({ channel: "email", sent: true, error: null }),
        expect.objectContaining({ channel: "broken", sent: false }),
      ]) as unknown,
    });
  });

  it("says for whom a mail server did not take it", async () => {
    await using host = await HostBed.create();
    await using sink = await MailSink.start();
    const flags = await configure(host, {
      notify: [
        {
          ...{ kind: "email", from: "livecert@example.test" },
          to: ["a@example.test", "nobody@example.test"],
          ...{ host: "127.0.0.1", port: sink.port },
        },
      ],
    });
    const result = await host.livecert.run(["notify", "--test", ...flags]);
    expect(result.exitCode).toBe(3);
    expect(result.stdout).toContain(
      "sent, but not to everybody: the mail server did not take it for nobody@example.test: ",
    );
    expect(sink.mails).toHaveLength(1);
  });

  it("says where a secret cannot be had, and prints none", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    const port = await freePort();
    const open = join(host.directory, "open");
    await writeFile(open, "s3cret");
    await chmod(open, 0o644);
    const torn = join(host.directory, "torn");
    await writeFile(torn, "s3cret\r\nX: y", { mode: 0o600 });
    const credentials = join(host.directory, "credentials");
    await mkdir(credentials);
    await writeFile(join(credentials, "hook-url"), `${receiver.url}/s3cret`, {
      mode: 0o400,
    });
    const flags = await configure(host, {
      notify: [
        {
          kind: "webhook",
          name: "closed",
          url: `http://127.0.0.1:${String(port)}/s3cret`,
        },
        { kind: "webhook", name: "open", url: { file: open } },
        { kind: "webhook", name: "absent", url: { credential: "nothing" } },
        {
          kind: "webhook",
          name: "credential",
          url: { credential: "hook-url" },
        },
        {
          ...{ kind: "webhook", name: "login" },
          url: receiver.url.replace("http://", "http://me:s3cret%21@"),
        },
        {
          kind: "ntfy",
          name: "token",
          url: receiver.url,
          token: { file: torn },
        },
      ],
    });
    const environment = {
      ...process.env,
      CREDENTIALS_DIRECTORY: credentials,
    };
    const result = await host.livecert.run(["notify", "--test", ...flags], {
      environment,
    });
    expect(result.stdout).toMatch(
      /^closed\t.*cannot be reached: ECONNREFUSED$/m,
    );
    expect(result.stdout).toMatch(/^open\t.*can be read by everybody/m);
    expect(result.stdout).toMatch(/^absent\t.*nothing does not exist$/m);
    expect(result.stdout).toMatch(/^credential\t.*\tsent$/m);
    expect(result.stdout).toMatch(/^login\t.*\tsent$/m);
    expect(result.stdout).toMatch(/^token\t.*a header cannot hold the token/m);
    const received = (path: string) =>
      receiver.requests.filter((one) => one.path === path);
    expect(received("/s3cret")).toHaveLength(1);
    expect(
      received("/").map(({ headers }) => headers["authorization"]),
    ).toEqual([`Basic ${Buffer.from("me:s3cret!").toString("base64")}`]);
    const shown = await host.livecert.run(["config", "show", ...flags]);
    const asJson = await host.livecert.run([
      "config",
      "show",
      "--json",
      ...flags,
    ]);
    for (const { stdout, stderr } of [result, shown, asJson])
      expect(stdout + stderr).not.toContain("s3cret");
    expect(shown.stdout).toContain("[secret]");
  });

  it("signs as Standard Webhooks has it", async () => {
    await using host = await HostBed.create();
    await using receiver = await WebReceiver.start();
    const key = Buffer.from("0123456789abcdef0123456789abcdef");
    const secret = `whsec_${key.toString("base64")}`;
    const flags = await configure(host, {
      notify: [{ kind: "webhook", url: receiver.url, secret }],
    });
    await host.livecert.run(["notify", "--test", ...flags]);
    const [received] = receiver.requests;
    const header = (field: string) => String(received?.headers[field]);
    const signed = `${header("webhook-id")}.${header("webhook-timestamp")}.${received?.body ?? ""}`;
    expect(header("webhook-signature")).toBe(
      `v1,${createHmac("sha256", key).update(signed).digest("base64")}`,
    );
    expect(messageIn(received as Received)).toMatchObject({
      event: "test",
      id: header("webhook-id"),
    });
  });

  it("refuses to run without any channel", async () => {
    await using host = await HostBed.create();
    const result = await host.livecert.run(["notify", "--test"]);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("no channel is configured");
  });
});
