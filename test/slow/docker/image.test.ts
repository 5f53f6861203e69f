/** livecert in a container of its own, from the image that containers/Containerfile describes. */
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DockerEngine, nginxImage } from "../../support/docker.ts";
import { waitFor } from "../../support/wait.ts";
import { DockerBed, letsencrypt } from "./bed.ts";

const checkout = resolve(import.meta.dirname, "../../..");

let engine: DockerEngine;
beforeAll(async () => {
  engine = await DockerEngine.start();
  await engine.do(
    ...["build", "--file", resolve(checkout, "containers/Containerfile")],
    ...["--build-arg", `BASE=${nginxImage}`, "--tag", "livecert", checkout],
  );
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** `livecert watch` in a container, with what is different from the shipped files only in its intervals. */
async function startLivecert(
  bed: DockerBed,
  targets: readonly object[],
  ...options: readonly string[]
): Promise<{ log(): Promise<string> } & AsyncDisposable> {
  const roots = "/usr/local/share/pebble.pem";
  await engine.do(
    ...["run", "--detach", "--name", "livecert"],
    ...["--env", `LIVECERT_TARGETS=${JSON.stringify(targets)}`],
    ...["--env", `LIVECERT_ROOTS=${roots}`],
    ...["--volume", `${bed.pebble.rootFile}:${roots}:ro`],
    ...["--volume", `${bed.pebble.certbotDirectory.path}:${letsencrypt}:ro`],
    ...options,
    ...["livecert", "watch", "--watch-quiet", "150ms"],
    ...["--watch-quiet-unseen", "400ms"],
  );
  const log = async (): Promise<string> => {
    const { stdout, stderr } = await engine.docker("logs", "livecert");
    return stdout + stderr;
  };
  return {
    log,
    async [Symbol.asyncDispose]() {
      await engine.do("rm", "--force", "--volumes", "livecert");
    },
  };
}

describe.each(["nginx", "supervisord"] as const)("beside %s", (runs) => {
  test.each([
    {
      how: "with the engine's socket",
      targets: [{ kind: "container", label: "livecert.enable=true" }],
      options: () => ["--volume", `${engine.socket}:/var/run/docker.sock`],
    },
    {
      how: "in the process and network namespaces of Nginx's container",
      targets: [{ kind: "sidecar", name: "nginx" }],
      options: () => ["--pid", "container:web", "--network", "container:web"],
    },
  ])("a renewal goes live $how", async ({ targets, options }) => {
    await using bed = await DockerBed.create(engine);
    const web = await bed.nginx("web", {
      runs,
      options: ["--label", "livecert.enable=true"],
    });
    await using livecert = await startLivecert(bed, targets, ...options());
    const says = (message: string): Promise<boolean> =>
      waitFor(`livecert says ${message}`, async () => {
        return (await livecert.log()).includes(`"msg":"${message}"`);
      }).catch(async (error: unknown) => {
        throw new Error(`${String(error)}\n${await livecert.log()}`);
      });
    await says("watching");
    await waitFor("everything was looked through", async () => {
      const status = ["exec", "livecert", "livecert", "status", "--json"];
      return (await engine.docker(...status)).stdout.includes('"lastRun": {');
    });
    await bed.renew();
    await says("certificates went live");
    expect(await bed.isLive(web)).toBe(true);
    expect(await web.generations()).toBe(2);
    const { stdout } = await engine.docker(
      "exec",
      "livecert",
      "livecert",
      "status",
    );
    expect(stdout).toContain("site.test");
  });
});
