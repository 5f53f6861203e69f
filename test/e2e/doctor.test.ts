/** `livecert doctor` before real misfortunes: each is made on a healthy bed and must be found, by its own check. */
import { spawn } from "node:child_process";
import {
  appendFile,
  chmod,
  chown,
  copyFile,
  cp,
  mkdir,
  lstat,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cleanup } from "../support/cleanup.ts";
import { writeHook } from "../support/hook.ts";
import { CertbotDirectory, lineageFiles } from "../support/lineage.ts";
import { LivecertBed, livecertProgram } from "../support/livecert.ts";
import { NginxBed, nginxProgram, serverBlock } from "../support/nginx.ts";
import { createPki, type Pki } from "../support/pki.ts";
import { run, type RunOptions, type RunResult } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { WatcherBed } from "../support/watcher.ts";

interface Report {
  readonly group: string;
  readonly name: string;
  readonly verdict: "ok" | "warning" | "problem" | "unknown";
  readonly message: string;
  readonly remedy: string | null;
}

let pki: Pki;
beforeAll(async () => {
  pki = await createPki();
});
afterAll(async () => {
  await pki[Symbol.asyncDispose]();
});

const name = "example.test";

/** Everything in place: a lineage that a running Nginx serves, and both hooks. */
class DoctorBed implements AsyncDisposable {
  readonly directory: string;
  readonly certbot: CertbotDirectory;
  readonly nginx: NginxBed;
  readonly address: string;
  readonly livecert: LivecertBed;
  readonly cleanup: Cleanup;

  private constructor(
    parts: Pick<
      DoctorBed,
      "directory" | "certbot" | "nginx" | "address" | "livecert" | "cleanup"
    >,
  ) {
    this.directory = parts.directory;
    this.certbot = parts.certbot;
    this.nginx = parts.nginx;
    this.address = parts.address;
    this.livecert = parts.livecert;
    this.cleanup = parts.cleanup;
  }

  static async create(): Promise<DoctorBed> {
    const cleanup = new Cleanup();
    const { path: directory } = cleanup.use(await temporaryDirectory());
    const certbot = await CertbotDirectory.create(join(directory, "certbot"));
    const nginx = cleanup.use(await NginxBed.create());
    const address = await nginx.address();
    const livecert = cleanup.use(await LivecertBed.create({ certbot, nginx }));
    const bed = new DoctorBed({
      ...{ directory, certbot, nginx, address, livecert, cleanup },
    });
    await bed.renew();
    await nginx.configure({ http: bed.server() });
    await nginx.start();
    await bed.installHook("deploy", "--defer");
    await bed.installHook("post", "--flush");
    return bed;
  }

  /** Issues the lineage, or renews it. */
  async renew(lineage = name): Promise<void> {
    const leaf = await pki.intermediate.leaf({ names: [lineage] });
    await this.certbot.write(lineage, lineageFiles(leaf, pki.intermediate));
  }

  /** A server block with these files, the lineage's own unless told otherwise. */
  server(
    certificate = this.certbot.live(name, "fullchain"),
    key = this.certbot.live(name, "privkey"),
  ): string {
    return serverBlock({
      listen: [`${this.address} ssl`],
      names: [name],
      pairs: [{ certificate, key }],
    });
  }

  /** Loads another configuration. */
  async reconfigure(http: string): Promise<void> {
    await this.nginx.configure({ http });
    await this.nginx.reload();
  }

  hook(moment: "deploy" | "post", script = "livecert"): string {
    return join(this.certbot.path, "renewal-hooks", moment, script);
  }

  async installHook(
    moment: "deploy" | "post",
    mode: "--defer" | "--flush",
  ): Promise<void> {
    await writeHook(this.hook(moment), {
      mode,
      node: process.execPath,
      livecert: livecertProgram,
    });
  }

  get renewalFile(): string {
    return join(this.certbot.path, "renewal", `${name}.conf`);
  }

  async look({ args = [], ...options }: Sight = {}): Promise<
    { readonly reports: readonly Report[] } & RunResult
  > {
    const result = await this.livecert.run(
      ["doctor", "--json", ...args],
      options,
    );
    const document = JSON.parse(result.stdout) as {
      schema: number;
      checks: readonly Report[];
    };
    expect(document.schema).toBe(1);
    return { ...result, reports: document.checks };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cleanup[Symbol.asyncDispose]();
  }
}

type Sight = RunOptions & { readonly args?: readonly string[] };

/** In a mount namespace of its own, after these commands. */
function afterMounting(...commands: readonly string[]): Sight {
  const script = ["set -e", ...commands, 'exec "$@"'].join("\n");
  return { through: ["unshare", "-m", "sh", "-c", script, "sh"] };
}

/** A stand-in program that is found before the machine's own. */
function withProgram(program: string, ...lines: readonly string[]): string {
  return [
    "mountpoint -q /usr/local/sbin || mount -t tmpfs none /usr/local/sbin",
    `cat > /usr/local/sbin/${program} <<'END'`,
    "#!/bin/sh",
    ...lines,
    "END",
    `chmod 755 /usr/local/sbin/${program}`,
  ].join("\n");
}

function withoutProgram(program: string): string {
  return `for directory in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
    [ ! -e "$directory/${program}" ] || mount --bind /dev/null "$(realpath "$directory/${program}")"
  done`;
}

const withSystemd = "mount -t tmpfs none /run && mkdir -p /run/systemd/system";
const withoutSystemd = "mount -t tmpfs none /run";
const withoutCrontabs =
  "for directory in /etc/cron.d /var/spool/cron; do [ ! -d $directory ] || mount -t tmpfs none $directory; done";
const timerState = (state: string): string =>
  withProgram(
    "systemctl",
    'for word in "$@"; do case $word in',
    `*.timer) printf 'Id=%s\\nLoadState=loaded\\nActiveState=${state}\\n\\n' "$word" ;;`,
    "esac; done",
  );
const withTimer = [
  "mkdir -p /run/systemd/system",
  "printf '[Timer]\\nOnCalendar=daily\\n' > /run/systemd/system/renewal-of-tests.timer",
  "printf '[Service]\\nExecStart=/usr/bin/certbot -q renew --config-dir %s\\n' \"$DIRECTORY\" > /run/systemd/system/renewal-of-tests.service",
].join("\n");

const pendingRecord = {
  schema: 1,
  certificate: null,
  key: null,
  lineage: { name, path: `/etc/letsencrypt/live/${name}` },
  outcome: "config-invalid",
  since: "2026-11-01T00:00:00.000Z",
  renewedAt: "2026-11-01T00:00:00.000Z",
  fingerprint256: null,
  attempts: 3,
  detail: "Nginx's own test fails",
};

async function writePending(bed: DoctorBed): Promise<void> {
  const directory = join(bed.livecert.stateDirectory, "v1", "pending");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, "one.json"), JSON.stringify(pendingRecord));
}

interface Misfortune {
  readonly title: string;
  readonly check: string;
  readonly verdict: Report["verdict"];
  readonly says: RegExp;
  readonly remedy?: RegExp;
  /** A check that finds nothing on account of it. */
  readonly notBeside?: string;
  readonly make?: (bed: DoctorBed) => Promise<void>;
  /** How livecert is run, where that is the misfortune or brings it about. */
  readonly look?: (bed: DoctorBed) => Sight;
}

const misfortunes: readonly Misfortune[] = [
  {
    title: "a deploy hook that is not installed",
    check: "hooks/deploy",
    verdict: "problem",
    says: /renewal-hooks\/deploy calls livecert/,
    remedy: /install\.sh/,
    make: (bed) => rm(bed.hook("deploy")),
  },
  {
    title: "a deploy hook that is not executable",
    check: "hooks/deploy",
    verdict: "problem",
    says: /is not executable/,
    remedy: /^chmod \+x .*deploy\/livecert$/,
    make: (bed) => chmod(bed.hook("deploy"), 0o644),
  },
  {
    title: "a deploy hook that was replaced by a blind reload",
    check: "hooks/deploy",
    verdict: "problem",
    says: /was replaced.*does not call livecert/,
    make: (bed) =>
      writeFile(
        bed.hook("deploy"),
        "#!/bin/sh\n# once livecert hook\nnginx -s reload\n",
      ),
  },
  {
    title: "a deploy hook whose program has gone",
    check: "hooks/deploy",
    verdict: "problem",
    says: /runs what is not there: \/nowhere\/node/,
    make: (bed) =>
      writeHook(bed.hook("deploy"), {
        mode: "--defer",
        node: "/nowhere/node",
        livecert: livecertProgram,
      }),
  },
  {
    title: "a post hook that is missing beside a deploy hook that defers",
    check: "hooks/post",
    verdict: "problem",
    says: /waits for the next run/,
    make: (bed) => rm(bed.hook("post")),
  },
  {
    title: "another script that reloads blindly",
    check: "hooks/others",
    verdict: "warning",
    says: /deploy\/reload-nginx reloads Nginx as well/,
    remedy: /^chmod -x .*reload-nginx$/,
    make: async (bed) => {
      const script = bed.hook("deploy", "reload-nginx");
      await writeFile(script, "#!/bin/sh\nsystemctl reload nginx\n");
      await chmod(script, 0o755);
    },
  },
  {
    title: "a lineage's own deploy hook that reloads blindly",
    check: "hooks/others",
    verdict: "warning",
    says: /example\.test\.conf has a hook of its own, "systemctl reload nginx"/,
    remedy: /^sed .*renewal\/example\.test\.conf$/,
    make: (bed) =>
      appendFile(bed.renewalFile, "renew_hook = systemctl reload nginx\n"),
  },
  {
    title: "a crontab that reloads blindly",
    check: "hooks/others",
    verdict: "warning",
    says: /\/etc\/cron\.d\/certbot starts certbot renew, and reloads Nginx as well/,
    remedy: /\/etc\/cron\.d\/certbot$/,
    look: (bed) =>
      afterMounting(
        ...[withoutSystemd, withoutCrontabs],
        `echo '0 0 * * * root certbot renew --config-dir ${bed.certbot.path} && nginx -s reload' > /etc/cron.d/certbot`,
      ),
  },
  {
    title: "a lineage's own call of livecert beside the scripts",
    check: "hooks/others",
    verdict: "warning",
    says: /example\.test\.conf calls livecert by a deploy hook of its own as well/,
    remedy: /^sed .*renewal\/example\.test\.conf$/,
    make: (bed) => appendFile(bed.renewalFile, "renew_hook = livecert hook\n"),
  },
  {
    title: "an Nginx program that does not exist",
    check: "nginx/program",
    verdict: "problem",
    says: /\/nowhere\/nginx is no program/,
    look: () => ({ args: ["--nginx-bin", "/nowhere/nginx"] }),
  },
  {
    title: "an Nginx program that a user could change",
    check: "nginx/program",
    verdict: "problem",
    says: /belongs to uid 65534, not to root/,
    make: async (bed) => {
      const program = join(bed.directory, "nginx");
      await copyFile(nginxProgram, program);
      await chown(program, 65534, 65534);
    },
    look: (bed) => ({ args: ["--nginx-bin", join(bed.directory, "nginx")] }),
  },
  {
    title: "an Nginx that is stopped",
    check: "nginx/master",
    verdict: "problem",
    says: /is not running/,
    remedy: /nginx/,
    make: (bed) => bed.nginx.stop(),
  },
  {
    title: "a master that a signal has halted",
    check: "nginx/master",
    verdict: "problem",
    says: /is stopped by a signal/,
    remedy: /^kill -CONT \d+$/,
    make: (bed) => bed.nginx.signal("SIGSTOP"),
  },
  {
    title: "a pid file that names another Nginx",
    check: "nginx/master",
    verdict: "problem",
    says: /is not trusted.*runs with/,
    make: async (bed) => {
      const other = bed.cleanup.use(await NginxBed.start({}));
      const pid = await other.masterPid();
      await bed.nginx.stop();
      await writeFile(bed.nginx.pidFile, `${String(pid)}\n`);
      bed.cleanup.defer(() => rm(bed.nginx.pidFile, { force: true }));
    },
  },
  {
    title: "a configuration that Nginx refuses, in Nginx's words",
    check: "nginx/configuration",
    verdict: "problem",
    says: /unknown directive "certificate"/,
    remedy: /nginx .*-t$/,
    make: (bed) => appendFile(bed.nginx.configuration, "certificate on;\n"),
  },
  {
    title: "a configuration that was changed and not loaded",
    check: "nginx/pending-configuration",
    verdict: "warning",
    says: /may not have loaded .*nginx\.conf/,
    remedy: /-s reload$/,
    make: async (bed) => {
      const later = new Date(Date.now() + 60_000);
      await utimes(bed.nginx.configuration, later, later);
    },
  },
  {
    title: "a listener of a configuration that is not loaded",
    check: "nginx/listeners",
    verdict: "problem",
    says: /nothing answers at 127\.0\.0\.1:\d+ .*nginx\.conf/,
    make: async (bed) => {
      const address = await bed.nginx.address();
      await bed.nginx.configure({
        http: bed.server().replace(bed.address, address),
      });
    },
  },
  {
    title: "a listener that answers without TLS, since another program has it",
    check: "nginx/listeners",
    verdict: "problem",
    says: /nothing answers at .* in TLS/,
    make: async (bed) => {
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.resume().end("hello\r\n");
      });
      await new Promise<void>((resolve) => {
        server.listen(0, "127.0.0.1", resolve);
      });
      bed.cleanup.defer(() => new Promise((resolve) => server.close(resolve)));
      const { port } = server.address() as { port: number };
      await bed.nginx.configure({
        http: bed.server().replace(bed.address, `127.0.0.1:${String(port)}`),
      });
    },
  },
  {
    title: "a listener that refuses every handshake, for a key of another type",
    check: "nginx/listeners",
    verdict: "problem",
    says: /refuses TLS with example\.test/,
    remedy: /^livecert deploy$/,
    make: async (bed) => {
      const leaf = await pki.intermediate.leaf({
        names: [name],
        keyType: "rsa-2048",
      });
      const key = join(bed.directory, "rsa.pem");
      await writeFile(key, leaf.key, { mode: 0o600 });
      await bed.reconfigure(bed.server(undefined, key));
    },
  },
  {
    title: "a reload by systemctl where no systemd runs",
    check: "nginx/reload",
    verdict: "problem",
    says: /systemd does not run this machine|there is no systemctl/,
    look: () => ({
      ...afterMounting(withoutSystemd),
      args: ["--nginx-reload-by", "systemctl"],
    }),
  },
  {
    title: "a reload by systemctl of a unit that does not exist",
    check: "nginx/reload",
    verdict: "problem",
    says: /there is no such unit/,
    look: () => ({
      ...afterMounting(
        withSystemd,
        withProgram(
          "systemctl",
          "printf 'Id=web.service\\nLoadState=not-found\\nActiveState=inactive\\n'",
        ),
      ),
      args: ["--nginx-reload-by", "systemctl", "--nginx-unit", "web.service"],
    }),
  },
  {
    title: "an error log that cannot be read",
    check: "nginx/error-log",
    verdict: "warning",
    says: /no error log can be read/,
    make: async (bed) => {
      const text = await readFile(bed.nginx.configuration, "utf8");
      await writeFile(
        bed.nginx.configuration,
        text.replace(
          /^error_log .*$/m,
          "error_log syslog:server=unix:/dev/log;",
        ),
      );
      // Nginx's standard error is tied to its log.
      await rm(join(bed.nginx.prefix, "stderr.log"));
      await rm(bed.nginx.errorLogFile);
    },
  },
  {
    title: "a second Nginx",
    check: "nginx/other-masters",
    verdict: "warning",
    says: /does not look after .*nginx/,
    remedy: /^livecert status --nginx-bin/,
    make: async (bed) => {
      bed.cleanup.use(await NginxBed.start({}));
    },
  },
  {
    title: "Certbot's directory that does not exist",
    check: "certificates/directory",
    verdict: "problem",
    says: /there is no \/nowhere\/letsencrypt/,
    look: () => ({ args: ["--certbot-dir", "/nowhere/letsencrypt"] }),
  },
  {
    title: "a private key that everybody can read",
    check: "certificates/private-keys",
    verdict: "problem",
    says: /privkey\.pem can be read by everybody \(mode 0644\)/,
    remedy: /^chmod o-rw .*archive\/example\.test\/privkey1\.pem$/,
    make: async (bed) => {
      await chmod(bed.certbot.archive(name, "privkey", 1), 0o644);
      await chmod(join(bed.certbot.path, "archive"), 0o755);
    },
  },
  {
    title: "a private key that only its directory guards",
    check: "certificates/private-keys",
    verdict: "warning",
    says: /as soon as a directory above it lets them pass/,
    make: (bed) => chmod(bed.certbot.archive(name, "privkey", 1), 0o644),
  },
  {
    title: "a lineage that Nginx does not use",
    check: "certificates/unused",
    verdict: "warning",
    says: /does not use the lineage mail\.test/,
    make: (bed) => bed.renew("mail.test"),
  },
  {
    title: "a server block that points into the archive",
    check: "certificates/copies",
    verdict: "problem",
    says: /nginx\.conf line \d+ names .*fullchain1\.pem, a file of Certbot's archive.*no renewal changes it/,
    remedy: /live\/example\.test\/fullchain\.pem/,
    make: (bed) =>
      bed.reconfigure(
        bed.server(
          bed.certbot.archive(name, "fullchain", 1),
          bed.certbot.archive(name, "privkey", 1),
        ),
      ),
  },
  {
    title: "a server block that points at an older version in the archive",
    check: "certificates/copies",
    verdict: "problem",
    says: /it is version 1, the lineage is at 2/,
    notBeside: "certificates/unused",
    make: async (bed) => {
      const link = join(bed.directory, "site.pem");
      await symlink(bed.certbot.archive(name, "fullchain", 1), link);
      await bed.renew();
      await bed.reconfigure(
        bed.server(link, bed.certbot.archive(name, "privkey", 1)),
      );
    },
  },
  {
    title: "a server block that points at a copy",
    check: "certificates/copies",
    verdict: "warning",
    says: /a copy of the lineage example\.test: still the current version/,
    make: async (bed) => {
      const copy = join(bed.directory, "copy");
      await cp(bed.certbot.live(name), copy, {
        recursive: true,
        dereference: true,
      });
      await bed.reconfigure(
        bed.server(join(copy, "fullchain.pem"), join(copy, "privkey.pem")),
      );
    },
  },
  {
    title: "a certificate file that is mounted singly",
    check: "certificates/bind-mounts",
    verdict: "problem",
    says: /fullchain1\.pem is mounted as a single file/,
    look: (bed) => {
      const file = bed.certbot.archive(name, "fullchain", 1);
      return afterMounting(`mount --bind ${file} ${file}`);
    },
  },
  {
    title: "live/ on an overlay",
    check: "certificates/file-system",
    verdict: "warning",
    says: /is on an overlay/,
    look: (bed) => {
      const live = join(bed.certbot.path, "live");
      return afterMounting(
        "mount -t tmpfs none /mnt",
        "mkdir /mnt/upper /mnt/work",
        `mount -t overlay none -o lowerdir=${live},upperdir=/mnt/upper,workdir=/mnt/work ${live}`,
      );
    },
  },
  {
    title: "a timer that is not active",
    check: "renewal/schedule",
    verdict: "problem",
    says: /renewal-of-tests\.timer is not active/,
    remedy: /^systemctl enable --now renewal-of-tests\.timer$/,
    look: (bed) =>
      afterMounting(
        `DIRECTORY=${bed.certbot.path}`,
        ...[withSystemd, withoutCrontabs, withTimer, timerState("inactive")],
      ),
  },
  {
    title: "Debian's cron entry, which does nothing under systemd, alone",
    check: "renewal/schedule",
    verdict: "problem",
    says: /\/etc\/cron\.d\/certbot does nothing where systemd runs/,
    look: (bed) =>
      afterMounting(
        ...[withSystemd, withoutCrontabs, timerState("inactive")],
        String.raw`echo '0 */12 * * * root test -x /usr/bin/certbot -a \! -d /run/systemd/system && certbot -q renew --config-dir ${bed.certbot.path}' > /etc/cron.d/certbot`,
      ),
  },
  {
    title: "a cron entry where no cron runs",
    check: "renewal/schedule",
    verdict: "problem",
    says: /no cron runs on this machine/,
    look: (bed) => {
      const script = [
        ...["set -e", withoutSystemd, withoutCrontabs],
        `echo '0 0 * * * root certbot renew --config-dir ${bed.certbot.path}' > /etc/cron.d/certbot`,
        'exec "$@"',
      ].join("\n");
      // A pid namespace of its own has no cron, whatever the machine runs.
      return {
        through: [
          ...["unshare", "-m", "-p", "-f", "--mount-proc"],
          ...["sh", "-c", script, "sh"],
        ],
      };
    },
  },
  {
    title: "a renewal configuration that Certbot cannot read",
    check: "renewal/configuration",
    verdict: "problem",
    says: /example\.test\.conf line \d+ holds "%\("/,
    remedy: /^sed -i '\d+d' /,
    make: (bed) => appendFile(bed.renewalFile, "post_hook = date +%(Y)s\n"),
  },
  {
    title: "a Certbot that is too old",
    check: "renewal/certbot",
    verdict: "problem",
    says: /certbot is 0\.40\.0; livecert needs 1\.0/,
    look: () => afterMounting(withProgram("certbot", "echo certbot 0.40.0")),
  },
  {
    title: "a Certbot that does not answer",
    check: "renewal/certbot",
    verdict: "unknown",
    says: /certbot did not end within 5 s/,
    look: () => afterMounting(withProgram("certbot", "exec sleep 60")),
  },
  {
    title: "a missing openssl",
    check: "livecert/programs",
    verdict: "warning",
    says: /there is no openssl, so chains are judged by a handshake/,
    remedy: /^apt-get install openssl$/,
    look: () => afterMounting(withoutProgram("openssl")),
  },
  {
    title: "a missing flock",
    check: "livecert/programs",
    verdict: "problem",
    says: /there is no flock, so no lock/,
    look: () => afterMounting(withoutProgram("flock")),
  },
  {
    title: "a state directory that everybody can write to",
    check: "livecert/state",
    verdict: "problem",
    says: /could be changed by others/,
    remedy: /chmod go-w/,
    make: (bed) => chmod(bed.livecert.stateDirectory, 0o777),
  },
  {
    title: "a state of another user's",
    check: "livecert/state",
    verdict: "problem",
    says: /belongs to uid 65534/,
    make: (bed) => chown(bed.livecert.stateDirectory, 65534, 65534),
  },
  {
    title: "a record that a newer livecert wrote",
    check: "livecert/state",
    verdict: "problem",
    says: /sources\/x\.json was written by a newer livecert/,
    make: async (bed) => {
      const sources = join(bed.livecert.stateDirectory, "v1", "sources");
      await mkdir(sources, { recursive: true, mode: 0o700 });
      await writeFile(join(sources, "x.json"), '{ "schema": 2 }\n');
    },
  },
  {
    title: "a state directory on a full disk",
    check: "livecert/state",
    verdict: "warning",
    says: /MiB are free/,
    look: (bed) =>
      afterMounting(
        `mount -t tmpfs -o size=1m,mode=0700 none ${bed.livecert.stateDirectory}`,
      ),
  },
  {
    title: "a run directory on a read-only file system",
    check: "livecert/run-directory",
    verdict: "problem",
    says: /read-only/,
    look: (bed) =>
      afterMounting(
        `mount -t tmpfs -o ro,mode=0700 none ${bed.livecert.runDirectory}`,
      ),
  },
  {
    title: "a failure that nothing takes up again",
    check: "livecert/retry",
    verdict: "problem",
    says: /1 failure pending \(example\.test\), and no timer/,
    make: writePending,
    look: () => afterMounting(withoutSystemd, withoutCrontabs),
  },
  {
    title: "a retry timer that is not active",
    check: "livecert/retry",
    verdict: "problem",
    says: /1 failure pending .*livecert-retry\.timer is not active/,
    remedy: /^systemctl enable --now livecert-retry\.timer$/,
    make: writePending,
    look: () =>
      afterMounting(
        ...[withSystemd, withoutCrontabs, timerState("inactive")],
        "printf '[Timer]\\n' > /run/systemd/system/livecert-retry.timer",
        "printf '[Service]\\nExecStart=/usr/local/bin/livecert retry\\n' > /run/systemd/system/livecert-retry.service",
      ),
  },
];

describe("livecert doctor", () => {
  it.each(misfortunes)(
    "finds $title",
    async ({ check, verdict, says, remedy, make, look, notBeside }) => {
      await using bed = await DoctorBed.create();
      await make?.(bed);
      const { reports, exitCode } = await bed.look(look?.(bed));
      const own = reports.filter(
        ({ group, name: own }) => `${group}/${own}` === check,
      );
      const found = own.find(({ message }) => says.test(message));
      expect(found, JSON.stringify(own, null, 2)).toMatchObject({ verdict });
      if (remedy !== undefined) expect(found?.remedy).toMatch(remedy);
      if (notBeside !== undefined)
        expect(
          reports.find(
            ({ group, name: one }) => `${group}/${one}` === notBeside,
          ),
        ).toMatchObject({ verdict: "ok" });
      if (verdict === "problem") expect(exitCode).toBe(3);
    },
  );

  it("finds no problem where everything is in place, and exits with 0", async () => {
    await using bed = await DoctorBed.create();
    const { reports, exitCode, stderr } = await bed.look();
    expect(reports.filter(({ verdict }) => verdict === "problem")).toEqual([]);
    expect(exitCode).toBe(0);
    expect(stderr).toBe("");
  });

  it("sees a schedule that covers the directory: a timer that is active, or a cron that runs", async () => {
    await using bed = await DoctorBed.create();
    const timer = await bed.look(
      afterMounting(
        `DIRECTORY=${bed.certbot.path}`,
        ...[withSystemd, withoutCrontabs, withTimer, timerState("active")],
      ),
    );
    expect(scheduleOf(timer.reports)).toMatchObject({ verdict: "ok" });
    const program = join(bed.directory, "cron");
    await copyFile("/bin/sleep", program);
    const cron = spawn(program, ["600"], { stdio: "ignore" });
    bed.cleanup.defer(() => Promise.resolve(cron.kill("SIGKILL")));
    const entry = await bed.look(
      afterMounting(
        ...[withoutSystemd, withoutCrontabs],
        `echo '0 0 * * * root certbot renew --config-dir ${bed.certbot.path}' > /etc/cron.d/certbot`,
      ),
    );
    expect(scheduleOf(entry.reports)).toMatchObject({ verdict: "ok" });
  });

  it("changes nothing: not a file of the state, of Certbot's directory or of Nginx", async () => {
    await using bed = await DoctorBed.create();
    await writePending(bed);
    await writeFile(
      join(bed.livecert.stateDirectory, "v1", "pending", "torn.json"),
      '{ "schema": 1, "cer',
    );
    const places = [
      ...[bed.certbot.path, bed.livecert.stateDirectory],
      ...[bed.livecert.runDirectory, bed.nginx.prefix],
    ];
    const before = await Promise.all(places.map(inventory));
    await bed.look();
    expect(await Promise.all(places.map(inventory))).toEqual(before);
    expect(await bed.nginx.reconfigurations()).toBe(0);
  });

  it("tells without root what it could not look at, and calls none of that a problem", async () => {
    await using bed = await DoctorBed.create();
    const program = join(bed.directory, "livecert.mjs");
    await copyFile(livecertProgram, program);
    const { stdout, exitCode } = await run(
      process.execPath,
      [program, "doctor", ...bed.livecert.options, "--json"],
      {
        through: [
          "setpriv",
          "--reuid=65534",
          "--regid=65534",
          "--clear-groups",
        ],
      },
    );
    const { checks } = JSON.parse(stdout) as { checks: readonly Report[] };
    expect(checks.filter(({ verdict }) => verdict === "problem")).toEqual([]);
    expect(exitCode).toBe(0);
    for (const check of ["directory", "private-keys", "master", "state"])
      expect(checks).toContainEqual(
        expect.objectContaining({
          name: check,
          verdict: "unknown",
          remedy: "sudo livecert doctor",
        }),
      );
  });

  it("counts on the service to take up what fails", async () => {
    await using bed = await DoctorBed.create();
    const sight = afterMounting(withoutSystemd, withoutCrontabs);
    const retryOf = ({ reports }: { reports: readonly Report[] }) =>
      reports.find(({ name }) => name === "retry");
    const alone = await bed.look(sight);
    expect(retryOf(alone)?.verdict).toBe("warning");
    await using watcher = await WatcherBed.start(bed.livecert);
    const watched = await bed.look(sight);
    expect(retryOf(watched)).toMatchObject({
      verdict: "ok",
      message: expect.stringContaining(
        `livecert watch (pid ${watcher.pid}) takes up`,
      ) as string,
    });
  });

  it("does not ask a Certbot that is at work", async () => {
    await using bed = await DoctorBed.create();
    const lock = join(bed.certbot.path, ".certbot.lock");
    const holder = spawn(
      "python3",
      [
        "-c",
        "import fcntl,sys,time; f=open(sys.argv[1],'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(600)",
        lock,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    bed.cleanup.defer(() => Promise.resolve(holder.kill("SIGKILL")));
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    const { reports } = await bed.look();
    expect(reports).toContainEqual(
      expect.objectContaining({
        name: "certbot",
        verdict: "unknown",
        message: expect.stringContaining(
          `a Certbot is at work (pid ${String(holder.pid)})`,
        ) as unknown,
      }),
    );
  });

  it("prints for people one line per look, with the command that mends it", async () => {
    await using bed = await DoctorBed.create();
    await chmod(bed.hook("deploy"), 0o644);
    const { stdout } = await bed.livecert.run(["doctor"]);
    expect(stdout).toContain(
      `  problem  deploy: ${bed.hook("deploy")} is not executable, so Certbot passes over it\n` +
        `           hint: chmod +x ${bed.hook("deploy")}\n`,
    );
    expect(stdout).toMatch(/^hooks\n/);
    expect(stdout).toMatch(/\n1 problem was found, /);
    expect(stdout).not.toContain("\u001b");
  });
});

function scheduleOf(reports: readonly Report[]): Report | undefined {
  return reports.find((report) => report.name === "schedule");
}

/** Every path below a directory with what shows whether it was touched. */
async function inventory(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true });
  const lines = await Promise.all(
    names.map(async (path) => {
      const stats = await lstat(join(directory, path));
      const { mode, uid, size, mtimeMs, ctimeMs, ino } = stats;
      // Nginx's own logs grow by what its probes make it say.
      return path.endsWith(".log")
        ? path
        : [path, mode, uid, size, mtimeMs, ctimeMs, ino].join(" ");
    }),
  );
  return lines.sort();
}
