/** Nginx in a mount namespace of its own, as in another container, in a process namespace that livecert shares. */
import {
  chmod,
  copyFile,
  mkdir,
  readFile,
  rename,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Cleanup } from "../support/cleanup.ts";
import { servedFingerprint } from "../support/client.ts";
import {
  CertbotDirectory,
  lineageFiles,
  type LineageFiles,
} from "../support/lineage.ts";
import { LivecertBed } from "../support/livecert.ts";
import { nginxProgram, serverBlock } from "../support/nginx.ts";
import { startMaster, type NginxMaster } from "../support/nginx-master.ts";
import { createPki, fingerprintOf, type Pki } from "../support/pki.ts";
import { PodBed } from "../support/pod.ts";
import { freePort } from "../support/ports.ts";
import type { RunDocument } from "../../src/core/report/document.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const name = "site.test";

class SidecarBed implements AsyncDisposable {
  readonly directory: string;
  readonly certbot: CertbotDirectory;
  readonly address: string;
  /** A directory that is empty here and that Nginx mounts something over. */
  readonly mountPoint: string;
  readonly #pki: Pki;
  readonly #pod: PodBed;
  readonly #livecert: LivecertBed;
  readonly #cleanup: Cleanup;

  private constructor(
    beds: Pick<SidecarBed, "directory" | "certbot" | "address"> & {
      readonly pki: Pki;
      readonly pod: PodBed;
      readonly livecert: LivecertBed;
    },
    cleanup: Cleanup,
  ) {
    this.directory = beds.directory;
    this.certbot = beds.certbot;
    this.address = beds.address;
    this.mountPoint = join(beds.directory, "elsewhere");
    this.#pki = beds.pki;
    this.#pod = beds.pod;
    this.#livecert = beds.livecert;
    this.#cleanup = cleanup;
  }

  static async create(): Promise<SidecarBed> {
    const cleanup = new Cleanup();
    try {
      const { path } = cleanup.use(await temporaryDirectory());
      const pki = cleanup.use(await createPki());
      const certbot = await CertbotDirectory.create(join(path, "letsencrypt"));
      const beds = {
        directory: path,
        certbot,
        address: `127.0.0.1:${await freePort()}`,
        pki,
        pod: cleanup.use(await PodBed.start()),
        livecert: cleanup.use(
          await LivecertBed.create({ certbot, roots: pki.rootFile }),
        ),
      };
      const bed = new SidecarBed(beds, cleanup);
      await mkdir(bed.mountPoint);
      await bed.renew();
      return bed;
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Nginx with these files, after `mount` has been run in its mount namespace. */
  async startNginx(
    files: { readonly certificate: string; readonly key: string },
    { mount = ":", program = nginxProgram, uid = 0 } = {},
  ): Promise<NginxMaster> {
    const prefix = join(this.directory, `nginx-${String(uid)}`);
    await mkdir(join(prefix, "tmp"), { recursive: true });
    if (uid !== 0) await chmod(prefix, 0o777);
    const configuration = join(prefix, "nginx.conf");
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (kind) => `${kind}_temp_path ${prefix}/tmp-${kind};`,
    );
    const server = serverBlock({
      listen: [`${this.address} ssl reuseport`],
      names: [name],
      pairs: [files],
    });
    await writeFile(
      configuration,
      `worker_processes 2; pid ${prefix}/nginx.pid; error_log ${prefix}/error.log notice;
      events { worker_connections 64; }
      http { access_log off; ssl_protocols TLSv1.2 TLSv1.3; ${temporary.join(" ")} ${server} }`,
    );
    const start = [program, "-c", configuration, "-g", "'daemon off;'"];
    const master = await startMaster(
      [
        ...this.#pod.through,
        ...["unshare", "--mount", "sh", "-c"],
        `${mount}; exec setpriv --reuid=${String(uid)} --regid=${String(uid)} --clear-groups ${start.join(" ")}`,
      ],
      { isMaster: (title) => title.startsWith("nginx: master process") },
    );
    return this.#cleanup.use(master);
  }

  get lineagePair(): { readonly certificate: string; readonly key: string } {
    return {
      certificate: this.certbot.live(name, "fullchain"),
      key: this.certbot.live(name, "privkey"),
    };
  }

  async issue(): Promise<LineageFiles> {
    const { intermediate } = this.#pki;
    return lineageFiles(
      await intermediate.leaf({ names: [name] }),
      intermediate,
    );
  }

  async renew(): Promise<void> {
    await this.certbot.write(name, await this.issue());
  }

  /** `livecert ARGS…` inside, with the target. */
  livecert(...args: readonly string[]): Promise<RunDocument> {
    return this.#livecert.document(args, {
      through: this.#pod.through,
      environment: {
        ...process.env,
        LIVECERT_TARGETS: '[{ "kind": "sidecar", "name": "web" }]',
      },
    });
  }

  served(): Promise<string | null> {
    return servedFingerprint({ address: this.address, servername: name });
  }

  async generations(): Promise<number> {
    const log = await readFile(
      join(this.directory, "nginx-0/error.log"),
      "utf8",
    );
    return log.split(": start worker processes\n").length - 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}

test("a lineage that Nginx mounts elsewhere goes live under its own name", async () => {
  await using bed = await SidecarBed.create();
  const { certbot, mountPoint } = bed;
  await bed.startNginx(
    {
      certificate: join(mountPoint, "live", name, "fullchain.pem"),
      key: join(mountPoint, "live", name, "privkey.pem"),
    },
    { mount: `mount --bind ${certbot.path} ${mountPoint}` },
  );
  await bed.renew();
  const document = await bed.livecert("deploy");
  expect(document).toMatchObject({
    outcome: "deployed",
    reloads: 1,
    lineages: [{ name, probes: [{ target: "web", address: bed.address }] }],
  });
  const onDisk = await readFile(certbot.live(name, "cert"), "utf8");
  expect(await bed.served()).toBe(fingerprintOf(onDisk));
  expect(await bed.livecert("deploy")).toMatchObject({
    outcome: "live",
    reloads: 0,
  });
  expect(await bed.generations()).toBe(2);
});

test("files that only Nginx sees, behind links that begin at its own root, go live", async () => {
  await using bed = await SidecarBed.create();
  const { mountPoint } = bed;
  const source = join(bed.directory, "tls");
  const write = async (): Promise<string> => {
    const files = await bed.issue();
    await mkdir(source, { recursive: true });
    await writeFile(join(source, "tls.crt"), files.fullchain);
    await writeFile(join(source, "tls.key"), files.privkey, { mode: 0o600 });
    return files.cert;
  };
  await write();
  const master = await bed.startNginx(
    {
      certificate: join(mountPoint, "link/tls.crt"),
      key: join(mountPoint, "link/tls.key"),
    },
    {
      mount: [
        `mount -t tmpfs pod ${mountPoint}`,
        `cp -r ${source} ${mountPoint}/v1`,
        `ln -s ${mountPoint}/v1 ${mountPoint}/link`,
      ].join("; "),
    },
  );
  expect(await bed.livecert("deploy")).toMatchObject({ reloads: 0 });
  const cert = await write();
  for (const file of ["tls.crt", "tls.key"])
    await copyFile(
      join(source, file),
      `/proc/${String(master.pid)}/root${mountPoint}/v1/${file}`,
    );
  const document = await bed.livecert("deploy");
  expect(document).toMatchObject({ outcome: "deployed", reloads: 1 });
  expect(await bed.served()).toBe(fingerprintOf(cert));
});

test("a link into another volume is followed to where Nginx sees it, not to what has that name here", async () => {
  await using bed = await SidecarBed.create();
  const { certbot, mountPoint } = bed;
  const volume = join(bed.directory, "certs");
  await mkdir(volume);
  for (const [link, file] of [
    ["site.crt", "fullchain.pem"],
    ["site.key", "privkey.pem"],
  ] as const) {
    await symlink(join(mountPoint, "live", name, file), join(volume, link));
    await mkdir(join(mountPoint, "live", name), { recursive: true });
    await writeFile(join(mountPoint, "live", name, file), "not Nginx's");
  }
  await bed.startNginx(
    { certificate: join(volume, "site.crt"), key: join(volume, "site.key") },
    { mount: `mount --bind ${certbot.path} ${mountPoint}` },
  );
  await bed.renew();
  expect(await bed.livecert("deploy", name)).toMatchObject({
    outcome: "deployed",
    reloads: 1,
    lineages: [{ name }],
  });
  const onDisk = await readFile(certbot.live(name, "cert"), "utf8");
  expect(await bed.served()).toBe(fingerprintOf(onDisk));
});

test("files that were mounted singly are named, since no reload can help", async () => {
  await using bed = await SidecarBed.create();
  const { mountPoint } = bed;
  const source = join(bed.directory, "tls");
  await mkdir(source);
  const write = async (): Promise<void> => {
    const files = await bed.issue();
    const contents = { "tls.crt": files.fullchain, "tls.key": files.privkey };
    for (const [file, text] of Object.entries(contents)) {
      await writeFile(join(source, "new"), text);
      await rename(join(source, "new"), join(source, file));
    }
  };
  await write();
  const certificate = join(mountPoint, "tls.crt");
  const key = join(mountPoint, "tls.key");
  await writeFile(certificate, "");
  await writeFile(key, "");
  await bed.startNginx(
    { certificate, key },
    {
      mount: `mount --bind ${source}/tls.crt ${certificate}; mount --bind ${source}/tls.key ${key}`,
    },
  );
  const before = await bed.served();
  await write();
  const document = await bed.livecert("deploy");
  expect(document).toMatchObject({ outcome: "stale", reloads: 0 });
  expect(JSON.stringify(document)).toContain(
    `${certificate} is mounted singly`,
  );
  expect(await bed.served()).toBe(before);
});

test("a configuration that Nginx refuses is told in Nginx's words, and nothing is signalled", async () => {
  await using bed = await SidecarBed.create();
  await bed.startNginx(bed.lineagePair);
  await writeFile(join(bed.directory, "nginx-0/nginx.conf"), "nonsense;\n");
  await bed.renew();
  const document = await bed.livecert("deploy");
  expect(document).toMatchObject({ outcome: "config-invalid", reloads: 0 });
  expect(JSON.stringify(document)).toContain("unknown directive");
  expect(await bed.generations()).toBe(1);
});

test("an Nginx of another user is not touched", async () => {
  await using bed = await SidecarBed.create();
  await chmod(bed.certbot.path, 0o755);
  const files = await bed.issue();
  const pair = {
    certificate: join(bed.directory, "own.crt"),
    key: join(bed.directory, "own.key"),
  };
  await writeFile(pair.certificate, files.fullchain);
  await writeFile(pair.key, files.privkey);
  await bed.startNginx(pair, { uid: 65534 });
  const document = await bed.livecert("deploy");
  expect(document).toMatchObject({ reloads: 0, exitCode: 5 });
  expect(JSON.stringify(document)).toContain("runs as uid 65534, not as root");
});

test("without any Nginx in the namespace the renewal stays pending", async () => {
  await using bed = await SidecarBed.create();
  expect(await bed.livecert("deploy")).toMatchObject({
    outcome: "not-running",
    exitCode: 5,
  });
});
