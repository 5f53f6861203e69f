import { describe, expect, it } from "vitest";
import { mergeSettings } from "../../../src/core/settings/merge.ts";

function merge(value: unknown): ReturnType<typeof mergeSettings> {
  const origin = { kind: "file", path: "/etc/l.yaml", line: 3 } as const;
  return mergeSettings([{ key: "targets", value, origin, base: "/etc" }]);
}

function targetsOf(value: unknown): unknown {
  const merged = merge(value);
  return merged.kind === "ok" ? merged.settings.targets : merged.problems;
}

const plain = {
  kind: "container",
  engine: null,
  nginx: null,
  addresses: {},
  paths: {},
};

describe("targets", () => {
  it.each([
    [[{ kind: "host" }], [{ kind: "host", name: "host" }]],
    [
      [{ kind: "sidecar" }, { kind: "sidecar", name: "web" }],
      [
        { kind: "sidecar", name: "sidecar" },
        { kind: "sidecar", name: "web" },
      ],
    ],
    [
      [{ kind: "container", name: "web" }],
      [{ ...plain, select: { by: "name", name: "web" } }],
    ],
    [
      [{ kind: "container", service: "shop/web" }],
      [
        {
          ...plain,
          select: { by: "service", project: "shop", service: "web" },
        },
      ],
    ],
    [
      [{ kind: "container", service: "web", engine: "unix:///e.sock" }],
      [
        {
          ...plain,
          engine: "unix:///e.sock",
          select: { by: "service", project: null, service: "web" },
        },
      ],
    ],
    [
      [
        {
          kind: "container",
          label: "role=edge",
          addresses: { 443: "127.0.0.1:8443" },
          paths: { "/etc/ssl": "/srv/ssl" },
        },
      ],
      [
        {
          ...plain,
          select: { by: "label", label: "role=edge" },
          addresses: { "443": "127.0.0.1:8443" },
          paths: { "/etc/ssl": "/srv/ssl" },
        },
      ],
    ],
    [
      [
        {
          kind: "command",
          name: "jail",
          dump: ["/usr/bin/jexec", "web", "nginx", "-T"],
          reload: ["/usr/bin/jexec", "web", "nginx", "-s", "reload"],
          "pid-file": "run/nginx.pid",
        },
      ],
      [
        {
          kind: "command",
          name: "jail",
          dump: ["/usr/bin/jexec", "web", "nginx", "-T"],
          test: null,
          reload: ["/usr/bin/jexec", "web", "nginx", "-s", "reload"],
          pidFile: "/etc/run/nginx.pid",
        },
      ],
    ],
  ])("reads %j", (given, expected) => {
    expect(targetsOf(given)).toEqual(expected);
  });

  it("reads JSON, as a variable or flag has it", () => {
    expect(targetsOf('[{"kind":"container","name":"web"}]')).toEqual([
      { ...plain, select: { by: "name", name: "web" } },
    ]);
  });

  it.each([
    ["web", "a list of entries"],
    [{ kind: "host" }, "a list of entries"],
    [["web"], "number 1 is none"],
    [[{}], "number 1 needs a kind: host, container, sidecar or command"],
    [[{ kind: "host" }, { kind: "pod" }], "number 2 needs a kind"],
    [[{ kind: "host", nmae: "x" }], "unknown field nmae, did you mean name?"],
    [[{ kind: "container" }], "exactly one of name, service and label"],
    [[{ kind: "container", name: "a", label: "b" }], "exactly one of"],
    [[{ kind: "container", name: "a\nb" }], "a name that is not a text"],
    [
      [{ kind: "container", name: "a", paths: { "/a": "b" } }],
      "a path in paths that is not absolute",
    ],
    [
      [{ kind: "container", name: "a", paths: "/a" }],
      "paths that is not a map of texts",
    ],
    [
      [{ kind: "sidecar", name: "host" }, { kind: "host" }],
      "two of them are called host: give each a name of its own",
    ],
    [
      [
        { kind: "container", name: "web" },
        { kind: "sidecar", name: "web" },
      ],
      "two of them are called web",
    ],
    [[{ kind: "command", name: "a" }], "needs name, dump, reload and pid-file"],
    [
      [
        {
          kind: "command",
          name: "a",
          dump: ["nginx", "-T"],
          reload: ["/n"],
          "pid-file": "/p",
        },
      ],
      "a dump that is not a list of words, the first an absolute path",
    ],
  ])("says of %j: %s", (given, problem) => {
    expect(targetsOf(given)).toEqual([
      expect.stringContaining(problem) as unknown,
    ]);
  });
});
