import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  findEndpoints,
  parseEndpoint,
} from "../../src/adapters/containers/endpoint.ts";
import {
  openEngine,
  type Engine,
} from "../../src/adapters/containers/engine.ts";
import { selectContainers } from "../../src/adapters/containers/selection.ts";
import { ownId } from "../../src/adapters/containers/standpoint.ts";
import { findTargets } from "../../src/adapters/targets/find.ts";
import { hostTarget } from "../../src/adapters/targets/host.ts";
import { mergeSettings } from "../../src/core/settings/merge.ts";
import { Cleanup } from "../support/cleanup.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const signal = new AbortController().signal;

/** What speaks HTTP on a socket in an engine's place. */
async function engineThat(
  answer: RequestListener,
  timeoutMs = 5_000,
): Promise<{ engine: Engine; address: string } & AsyncDisposable> {
  const cleanup = new Cleanup();
  const { path } = cleanup.use(await temporaryDirectory());
  const socket = join(path, "docker.sock");
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  cleanup.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = `unix://${socket}`;
  return {
    address,
    engine: openEngine(parseEndpoint(address, null), timeoutMs),
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  };
}

function says(status: number, body: string): RequestListener {
  return (_, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body);
  };
}

async function failureOf(engine: Engine): Promise<string> {
  const answer = await engine.inspect("web", signal);
  return answer.kind === "failed" ? answer.failure.reason : "ok";
}

describe("an engine", () => {
  it.each([
    [404, '{"message":"No such container: web"}', "not-found"],
    [403, '{"message":"forbidden by policy"}', "denied"],
    [500, '{"message":"out of luck"}', "refused"],
    [502, "<html>", "refused"],
    [200, "<html>", "unsupported"],
    [200, '{"hello":"world"}', "unsupported"],
  ])("that answers %i with %s is %s", async (status, body, reason) => {
    await using fake = await engineThat(says(status, body));
    expect(await failureOf(fake.engine)).toBe(reason);
  });

  it("that does not answer is slow, after its time", async () => {
    await using fake = await engineThat(() => undefined, 50);
    expect(await failureOf(fake.engine)).toBe("slow");
  });

  it("that begins an answer and does not end it is slow too", async () => {
    await using fake = await engineThat((_, response) => {
      response.writeHead(200);
      response.write("{");
    }, 50);
    expect(await failureOf(fake.engine)).toBe("slow");
  });

  it("that never ends talking is not listened to", async () => {
    await using fake = await engineThat((_, response) => {
      const chunk = Buffer.alloc(1024 * 1024, " ");
      // Node.js 26 calls back at once, for ever, where the client has gone.
      const talk = (error?: Error | null): void => {
        if (!error && !response.destroyed) response.write(chunk, talk);
      };
      response.writeHead(200);
      talk();
    });
    expect(await failureOf(fake.engine)).toBe("unsupported");
  });

  it("that is not there is stopped", async () => {
    await using directory = await temporaryDirectory();
    const engine = openEngine(
      parseEndpoint(join(directory.path, "docker.sock"), null),
      1_000,
    );
    expect(await failureOf(engine)).toBe("stopped");
  });

  it("is left at once when the run ends", async () => {
    await using fake = await engineThat(() => undefined);
    const run = new AbortController();
    const asked = fake.engine.inspect("web", run.signal);
    run.abort(new Error("the run has ended"));
    await expect(asked).rejects.toThrow("the run has ended");
  });

  it("that has left our version of the API behind is asked in its own", async () => {
    await using fake = await engineThat((request, response) => {
      const isVersioned = request.url?.startsWith("/v") === true;
      const body = isVersioned
        ? { message: "client version 1.41 is too old" }
        : { Id: "ab".repeat(32), Name: "/web" };
      response.writeHead(isVersioned ? 400 : 200);
      response.end(JSON.stringify(body));
    });
    const answer = await fake.engine.inspect("web", signal);
    expect(answer).toMatchObject({ kind: "ok", value: { name: "web" } });
  });
});

describe("a container by name", () => {
  it.each([
    ["db", "not-found"],
    ["dbdbdbdbdbdb", "ok"],
    ["shop-web-1", "ok"],
  ])(
    "%s is %s where an engine takes it for the beginning of an id",
    async (reference, expected) => {
      await using fake = await engineThat((_, response) => {
        response.end(
          JSON.stringify({ Id: "db".repeat(32), Name: "/shop-web-1" }),
        );
      });
      const answer = await fake.engine.inspect(reference, signal);
      const { kind } = answer;
      expect(kind === "ok" ? kind : answer.failure.reason).toBe(expected);
    },
  );
});

describe("containers by label", () => {
  it("are asked for by all labels at once, and one that went meanwhile is left out", async () => {
    const asked: string[] = [];
    const [a, b, gone] = ["a", "b", "c"].map((digit) => digit.repeat(64));
    await using fake = await engineThat((request, response) => {
      const url = decodeURIComponent(request.url ?? "");
      asked.push(url);
      const id = /containers\/(\w+)\//.exec(url)?.[1] ?? "";
      const isGone = id === gone;
      const body = url.includes("/containers/json")
        ? [{ Id: b }, { Id: gone }, { Id: a }]
        : isGone
          ? { message: "No such container" }
          : { Id: id, Name: `/${id.slice(0, 1)}` };
      response.writeHead(isGone ? 404 : 200);
      response.end(JSON.stringify(body));
    });
    const selector = {
      by: "service",
      project: "shop",
      service: "web",
    } as const;
    const found = await selectContainers(fake.engine, selector, signal);
    expect(found).toMatchObject({
      kind: "ok",
      value: [{ name: "a" }, { name: "b" }],
    });
    expect(asked[0]).toContain(
      'filters={"label":["com.docker.compose.service=web","com.docker.compose.project=shop"]}',
    );
  });
});

describe("findEndpoints", () => {
  it("obeys DOCKER_HOST before everything else", () => {
    const environment = {
      DOCKER_HOST: "tcp://127.0.0.1:2376",
      DOCKER_TLS_VERIFY: "1",
      DOCKER_CERT_PATH: "/certs",
      CONTAINER_HOST: "unix:///run/podman.sock",
    };
    expect(findEndpoints(environment)).toEqual([
      {
        kind: "tcp",
        host: "127.0.0.1",
        port: 2376,
        certificates: "/certs",
        name: "tcp://127.0.0.1:2376",
      },
    ]);
  });

  it("follows the context that the user's command line uses", async () => {
    await using directory = await temporaryDirectory();
    const name = "rootless";
    const digest = createHash("sha256").update(name).digest("hex");
    const meta = join(directory.path, "contexts/meta", digest);
    await mkdir(meta, { recursive: true });
    await writeFile(
      join(directory.path, "config.json"),
      JSON.stringify({ currentContext: name }),
    );
    await writeFile(
      join(meta, "meta.json"),
      JSON.stringify({
        Name: name,
        Endpoints: { docker: { Host: "unix:///run/user/1000/docker.sock" } },
      }),
    );
    expect(findEndpoints({ DOCKER_CONFIG: directory.path })).toEqual([
      {
        kind: "socket",
        path: "/run/user/1000/docker.sock",
        name: "unix:///run/user/1000/docker.sock",
      },
    ]);
  });

  it("takes no other engine for a context that is named and not there", async () => {
    await using directory = await temporaryDirectory();
    const environment = {
      DOCKER_CONFIG: directory.path,
      DOCKER_CONTEXT: "gone",
      CONTAINER_HOST: "unix:///run/podman.sock",
    };
    const [endpoint, ...others] = findEndpoints(environment);
    expect(others).toEqual([]);
    expect(endpoint).toMatchObject({
      kind: "unsupported",
      name: "the Docker context gone",
    });
  });

  it("finds Podman's socket in the user's runtime directory", async () => {
    await using fake = await engineThat(says(200, "{}"));
    const { endpoint } = fake.engine;
    if (endpoint.kind !== "socket") throw new Error("not a socket");
    const runtime = join(endpoint.path, "..");
    const found = findEndpoints({
      DOCKER_CONFIG: "/nonexistent",
      XDG_RUNTIME_DIR: runtime,
    });
    expect(found).toContainEqual(endpoint);
  });

  it.each([
    ["ssh://me@host", /SSH/],
    ["npipe:////./pipe/docker", /unix:/],
    ["docker.sock", /unix:/],
  ])("says why %s cannot be talked to", (text, reason) => {
    const endpoint = parseEndpoint(text, null);
    expect(endpoint.kind === "unsupported" ? endpoint.reason : "").toMatch(
      reason,
    );
  });
});

describe("ownId", () => {
  const id = "0123456789abcdef".repeat(4);

  it.each([
    [
      `1 2 8:1 /var/lib/docker/containers/${id}/hostname /etc/hostname rw - ext4 /dev/sda1 rw`,
      id,
    ],
    [
      `1 2 0:24 /containers/storage/overlay-containers/${id}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw`,
      id,
    ],
    [
      `1 2 0:50 / /var/lib/docker/containers/${id}/mounts/shm rw - tmpfs shm rw`,
      null,
    ],
    ["", null],
  ])("reads %j", (line, expected) => {
    expect(ownId(line)).toBe(expected);
  });
});

describe("containers of one name", () => {
  const idOf = (digit: string) => digit.repeat(64);
  const container = (digit: string) =>
    says(200, JSON.stringify({ Id: idOf(digit), Name: "/web", State: {} }));

  async function namesOf(targets: readonly object[]): Promise<unknown> {
    const origin = { kind: "default" } as const;
    const merged = mergeSettings([
      { key: "targets", value: targets, origin, base: "/" },
    ]);
    if (merged.kind !== "ok") throw new Error(JSON.stringify(merged.problems));
    const { settings } = merged;
    const found = await findTargets({
      ...{ settings, signal, environment: {}, mayWrite: false },
      host: hostTarget({
        settings: settings.nginx,
        limits: settings.limits,
        searchPath: "",
      }),
      knownTargets: () => Promise.resolve([]),
    });
    return found.map(({ name }) => name);
  }

  it("at two engines are two targets, each time under the same names", async () => {
    await using one = await engineThat(container("a"));
    await using other = await engineThat(container("b"));
    const targets = [one, other, one].map(({ address: engine }) => ({
      ...{ kind: "container", name: "web", engine },
    }));
    expect(await namesOf(targets)).toEqual(["web", `web (${other.address})`]);
  });

  it("that are not there are told each", async () => {
    await using one = await engineThat(says(404, "{}"));
    await using other = await engineThat(container("b"));
    const targets = [one, other].map(({ address: engine }) => ({
      ...{ kind: "container", name: "web", engine },
    }));
    expect(await namesOf(targets)).toEqual(["web", `web (${other.address})`]);
  });
});
