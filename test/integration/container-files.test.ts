/** The files of containers/, as far as they can be judged without an engine; test/slow/docker.sh runs what runs here. */
import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { mergeSettings } from "../../src/core/settings/merge.ts";
import { optionKeys, variableOf } from "../../src/core/settings/options.ts";
import type { Settings } from "../../src/core/settings/settings.ts";

const checkout = resolve(import.meta.dirname, "../..");

function textOf(path: string): Promise<string> {
  return readFile(resolve(checkout, path), "utf8");
}

/** Throws for what is not YAML. */
async function documentsOf<Document>(path: string): Promise<Document[]> {
  return parseAllDocuments(await textOf(path)).map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as Document;
  });
}

/** Every variable is an option's, and its value one that the option takes. */
function settingsOf(environment: Readonly<Record<string, string>>): Settings {
  const given = Object.entries(environment).map(([name, value]) => {
    const key = optionKeys.find((known) => variableOf(known) === name);
    if (key === undefined) throw new Error(`${name} is no option`);
    const origin = { kind: "environment", variable: name } as const;
    return { key, value, origin, base: "/" };
  });
  const merged = mergeSettings(given);
  if (merged.kind !== "ok") throw new Error(merged.problems.join("; "));
  return merged.settings;
}

interface Service {
  readonly image: string;
  readonly pid?: string;
  readonly network_mode?: string;
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** `VOLUME:PLACE[:ro]` */
function mountsOf({ volumes = [] }: Service) {
  return volumes.map((volume) => {
    const [source = "", place = "", mode = "rw"] = volume.split(":");
    return { source, place, mode };
  });
}

describe.each([
  { file: "containers/compose.yaml", upstream: {}, beside: "nginx" },
  {
    file: "containers/azuracast.override.yml",
    // What AzuraCast's own file has.
    upstream: {
      web: {
        image: "ghcr.io/azuracast/azuracast",
        volumes: ["acme:/var/azuracast/storage/acme"],
      },
    },
    beside: "web",
  },
])("$file", ({ file, upstream, beside }) => {
  const read = async (): Promise<Compose> => {
    const [compose] = await documentsOf<Compose>(file);
    if (compose === undefined) throw new Error(`${file} is empty`);
    return compose;
  };

  it("declares the volumes that it mounts, and no others", async () => {
    const { services, volumes } = await read();
    const theirs = new Set(
      Object.values(upstream as Compose["services"])
        .flatMap(mountsOf)
        .map(({ source }) => source),
    );
    const mounted = Object.values(services)
      .flatMap(mountsOf)
      .map(({ source }) => source)
      .filter((source) => !source.startsWith(".") && !theirs.has(source));
    expect(new Set(Object.keys(volumes))).toEqual(new Set(mounted));
  });

  it("puts livecert into the namespaces of Nginx's container and starts it anew with that", async () => {
    const { services } = await read();
    expect(services["livecert"]).toMatchObject({
      image: "livecert",
      pid: `service:${beside}`,
      network_mode: `service:${beside}`,
      depends_on: { [beside]: { restart: true } },
    });
    expect({ ...upstream, ...services }).toHaveProperty(beside);
  });

  it("gives livecert the certificates where Nginx has them, and no more than to read", async () => {
    const all: Compose["services"] = {
      ...upstream,
      ...(await read()).services,
    };
    const nginx = mountsOf(all[beside] ?? { image: "" });
    const shared = mountsOf(all["livecert"] ?? { image: "" }).filter(
      ({ source }) => source !== "livecert",
    );
    expect(shared).toHaveLength(1);
    for (const { source, place, mode } of shared) {
      expect(nginx).toContainEqual(expect.objectContaining({ source, place }));
      expect(mode).toBe("ro");
    }
  });

  it("keeps livecert's state, and sets options that there are", async () => {
    const { livecert } = (await read()).services;
    const settings = settingsOf(livecert?.environment ?? {});
    expect(settings.targets).toEqual([{ kind: "sidecar", name: beside }]);
    expect(mountsOf(livecert ?? { image: "" })).toContainEqual({
      source: "livecert",
      place: settings.stateDir,
      mode: "rw",
    });
  });
});

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly selector: { readonly matchLabels: object };
    readonly template: {
      readonly metadata: { readonly labels: object };
      readonly spec: {
        readonly shareProcessNamespace: boolean;
        readonly containers: readonly {
          readonly name: string;
          readonly image: string;
          readonly env?: readonly { name: string; value: string }[];
          readonly volumeMounts: readonly { name: string; mountPath: string }[];
        }[];
        readonly volumes: readonly { readonly name: string }[];
      };
    };
  };
  readonly data: Readonly<Record<string, string>>;
}

describe("containers/kubernetes.yaml", () => {
  const read = async () => {
    const [map, deployment] = await documentsOf<Manifest>(
      "containers/kubernetes.yaml",
    );
    if (map === undefined || deployment === undefined)
      throw new Error("a manifest is missing");
    const pod = deployment.spec.template.spec;
    const [nginx, livecert] = pod.containers;
    if (nginx === undefined || livecert === undefined)
      throw new Error("a container is missing");
    return { map, deployment, pod, nginx, livecert };
  };
  const placeOf = (
    container: Awaited<ReturnType<typeof read>>["nginx"],
    volume: string,
  ) => container.volumeMounts.find(({ name }) => name === volume)?.mountPath;

  it("selects its own pods, whose containers share their processes", async () => {
    const { deployment, pod } = await read();
    const { selector, template } = deployment.spec;
    expect(template.metadata.labels).toEqual(selector.matchLabels);
    expect(pod.shareProcessNamespace).toBe(true);
  });

  it("mounts the volumes that it has, and all of them", async () => {
    const { pod } = await read();
    const mounted = pod.containers.flatMap(({ volumeMounts }) =>
      volumeMounts.map(({ name }) => name),
    );
    expect(new Set(pod.volumes.map(({ name }) => name))).toEqual(
      new Set(mounted),
    );
  });

  it("shows livecert the Secret where Nginx's configuration names it", async () => {
    const { map, nginx, livecert } = await read();
    const place = placeOf(nginx, "certificate");
    expect(placeOf(livecert, "certificate")).toBe(place);
    expect(map.data["site.conf"]).toContain(
      `ssl_certificate ${String(place)}/tls.crt;`,
    );
    expect(map.data["site.conf"]).toContain(
      `ssl_certificate_key ${String(place)}/tls.key;`,
    );
  });

  it("sets options that there are, and keeps the state", async () => {
    const { livecert } = await read();
    const environment = (livecert.env ?? []).map(
      ({ name, value }) => [name, value] as const,
    );
    const settings = settingsOf(Object.fromEntries(environment));
    expect(settings.targets).toEqual([{ kind: "sidecar", name: "nginx" }]);
    expect(placeOf(livecert, "state")).toBe(settings.stateDir);
    expect(livecert.image).toBe("livecert");
  });
});

describe("containers/Containerfile", () => {
  it("copies what a build makes, and what the context holds", async () => {
    const text = await textOf("containers/Containerfile");
    const copied = [...text.matchAll(/^COPY (.*) \S+$/gm)].flatMap(
      ([, sources = ""]) => sources.split(" "),
    );
    const context = (await textOf(".dockerignore"))
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    expect(copied.length).toBeGreaterThan(0);
    expect(context).toEqual(copied);
    const manifest = JSON.parse(await textOf("package.json")) as {
      readonly files: readonly string[];
    };
    expect(manifest.files).toEqual(expect.arrayContaining(copied));
  });

  it("installs packages that the image of the slow tests has as well, so that they can build it", async () => {
    const text = await textOf("containers/Containerfile");
    const [, words = ""] = /--no-install-recommends (.*) \\$/m.exec(text) ?? [];
    const suite = await textOf("test/slow/docker.sh");
    const present = /^packages=(.*)$/m.exec(suite)?.[1]?.split(",");
    expect(words).not.toBe("");
    expect(present).toEqual(expect.arrayContaining(words.split(" ")));
  });
});

describe("docs/containers.md", () => {
  it("shows configurations that livecert accepts", async () => {
    const text = await textOf("docs/containers.md");
    const blocks = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)];
    expect(blocks.length).toBeGreaterThan(4);
    for (const [, block = ""] of blocks) {
      const given = Object.entries(parse(block) as Record<string, unknown>);
      const merged = mergeSettings(
        given.map(([key, value]) => {
          const origin = {
            kind: "file",
            path: "livecert.yaml",
            line: 1,
          } as const;
          return { key, value, origin, base: "/" };
        }),
      );
      expect(merged, block).toMatchObject({ kind: "ok" });
    }
  });

  it("leads to every file of containers/", async () => {
    const text = await textOf("docs/containers.md");
    const files = await readdir(resolve(checkout, "containers"));
    for (const file of files) expect(text).toContain(`containers/${file}`);
  });
});
