import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { NginxModel } from "../../../src/core/nginx/model.ts";
import { readModel } from "../../../src/core/nginx/read-model.ts";
import { certificateSources } from "../../../src/core/nginx/sources.ts";
import { fixtureModel, modelOf, modelOfHttp } from "./fixture.ts";

/** Certificate and key of each server block, by its first name or line. */
function pairsByName(
  model: NginxModel,
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    model.servers.map(({ serverNames, line, pairs }) => [
      serverNames[0] ?? line,
      pairs.map(({ certificate, key }) => `${certificate} ${key ?? "-"}`),
    ]),
  );
}

/** `directive certificate key` with the first names of the servers that are subject to it. */
function referenceLines(model: NginxModel): readonly string[] {
  const names = new Map(
    model.servers.map(({ id, serverNames, line }) => [
      id,
      serverNames[0] ?? String(line),
    ]),
  );
  return model.references.map(
    ({ directive, certificate, key, line, servers }) =>
      `${line} ${directive} ${certificate} ${key ?? "-"}: ${servers
        .map((id) => names.get(id))
        .join(" ")}`,
  );
}

test("quotes, escapes and comments are read as Nginx reads them", () => {
  const model = fixtureModel("quotes-and-escapes");
  expect(model.problems).toEqual([]);
  expect(model.servers.map(({ serverNames }) => serverNames)).toEqual([
    [
      "plain#sharp.test",
      'quoted"middle.test',
      "in quotes.test",
      "single'quote.test",
    ],
    ["next.test"],
    ["~^(?<label>[a-z]+)\\.regex\\.test$", "~^[a-z]{2}\\.braces\\.test$"],
  ]);
  expect(Object.values(pairsByName(model))).toEqual([
    ["/etc/ssl/with space.pem /etc/ssl/with space.key"],
    ["/etc/ssl/tight.pem /etc/ssl/tight.key"],
    ["/etc/ssl/back\\ slash.pem /etc/ssl/back\\ slash.key"],
  ]);
});

test("comments that imitate the dump's markers end no file", () => {
  const model = fixtureModel("comments-imitating-markers");
  expect(model.files).toEqual([
    "/etc/nginx/nginx.conf",
    "/etc/nginx/conf.d/b.conf",
    "/etc/nginx/conf.d/c.conf",
  ]);
  expect(model.servers.map(({ id }) => id)).toEqual([
    "/etc/nginx/conf.d/b.conf:1",
    "/etc/nginx/conf.d/b.conf:3",
    "/etc/nginx/conf.d/b.conf:6",
    "/etc/nginx/conf.d/c.conf:1",
  ]);
});

test("words in data blocks are no directives", () => {
  const model = fixtureModel("data-blocks");
  expect(model.problems).toEqual([]);
  expect(model.servers).toHaveLength(1);
  expect(referenceLines(model)).toEqual([
    "18 ssl_certificate /etc/ssl/data.pem /etc/ssl/data.key: data.test",
  ]);
});

test("what a table includes is not read as directives", () => {
  const model = modelOf({
    "/etc/nginx/nginx.conf":
      "events {}\nhttp {\n geo $a { include a.geo; }\n include b.conf;\n}\n",
    "/etc/nginx/a.geo": "192.0.2.0/24 ssl_certificate;\nnever closed {\n",
    "/etc/nginx/b.conf":
      "server { server_name t.test; ssl_certificate c; ssl_certificate_key k; }\n",
  });
  expect(model.problems).toEqual([]);
  expect(referenceLines(model)).toEqual([
    "1 ssl_certificate /etc/nginx/c /etc/nginx/k: t.test",
  ]);
});

test("a file name that is not UTF-8 is told, and nobody is asked for a file of the name that is left of it", () => {
  const model = modelOfHttp(
    "server { listen 443 ssl; ssl_certificate m\ufffdller.crt; ssl_certificate_key k; }",
  );
  expect(model.problems).toEqual([
    {
      file: "/etc/nginx/nginx.conf",
      line: 3,
      message: expect.stringContaining("not UTF-8") as string,
    },
  ]);
  expect(certificateSources(model)).toEqual([]);
});

test("Lua is passed over, and what stands beside it is read", () => {
  const model = fixtureModel("lua-blocks");
  expect(model.problems).toEqual([]);
  expect(referenceLines(model)).toEqual([
    "11 lua_ssl_trusted_certificate /etc/ssl/lua-ca.pem -: lua.test after.test",
    "15 ssl_certificate /etc/ssl/fallback.pem /etc/ssl/fallback.key: lua.test",
    "21 ssl_certificate /etc/ssl/after.pem /etc/ssl/after.key: after.test",
  ]);
});

describe("includes", () => {
  const order = [
    ...["nginx.conf", "sites/a/site.conf", "snippets/pair.conf"],
    ...["sites/b/site.conf", "snippets/upstream.conf", "conf.d/zeta.conf"],
    "twice.conf",
  ];

  test("are read where they stand, as often as they are named", () => {
    const model = fixtureModel("include-in-several-contexts", order);
    expect(model.problems).toEqual([]);
    expect(
      model.servers.map(({ id, serverNames }) => [serverNames[0], id]),
    ).toEqual([
      ["a.test", "/etc/nginx/sites/a/site.conf:1"],
      ["b.test", "/etc/nginx/sites/b/site.conf:1"],
      ["main.test", "/etc/nginx/nginx.conf:4"],
      ["zeta.test", "/etc/nginx/conf.d/zeta.conf:1"],
      ["twice.test", "/etc/nginx/twice.conf:1"],
      ["twice.test", "/etc/nginx/twice.conf:1#2"],
    ]);
  });

  test("a line that several blocks read is one reference", () => {
    const model = fixtureModel("include-in-several-contexts", order);
    expect(referenceLines(model)).toEqual([
      "1 ssl_certificate /etc/nginx/ssl/shared.pem /etc/nginx/ssl/shared.key: a.test b.test main.test zeta.test",
      "1 proxy_ssl_trusted_certificate /etc/nginx/ssl/ca.pem -: main.test",
    ]);
  });

  test("that go round or lead nowhere are reported, and the rest is read", () => {
    const model = fixtureModel("include-loops");
    expect(model.problems).toEqual([
      {
        file: "/etc/nginx/loop.conf",
        line: 1,
        message: "a file includes itself",
      },
      {
        file: "/etc/nginx/loop.conf",
        line: 2,
        message: "a file includes itself",
      },
      {
        file: "/etc/nginx/nginx.conf",
        line: 4,
        message: "an included file is not in the dump",
      },
    ]);
    expect(Object.keys(pairsByName(model))).toEqual([
      "loop.test",
      "after.test",
    ]);
  });

  test("that double at every step come to an end", () => {
    const files = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => [
        `/etc/nginx/${String(index).padStart(2, "0")}`,
        `include ${String(index + 1).padStart(2, "0")};\n`.repeat(2),
      ]),
    );
    const { problems } = modelOf(files);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.length).toBeLessThanOrEqual(100);
  });
});

describe("inheritance", () => {
  test("a block without a pair of its own has those of the context, each list by itself", () => {
    expect(pairsByName(fixtureModel("certificates-of-the-http-level"))).toEqual(
      {
        "inherits.test": ["/etc/ssl/common.pem /etc/ssl/common.key"],
        "own.test": [
          "/etc/ssl/own-rsa.pem /etc/ssl/own-rsa.key",
          "/etc/ssl/own-ec.pem /etc/ssl/own-ec.key",
        ],
        "own-key.test": ["/etc/ssl/common.pem /etc/ssl/other.key"],
        "plain.test": ["/etc/ssl/common.pem /etc/ssl/common.key"],
      },
    );
  });

  test("each reference tells the blocks that are subject to it", () => {
    expect(
      referenceLines(fixtureModel("certificates-of-the-http-level")),
    ).toEqual([
      "6 ssl_trusted_certificate /etc/ssl/common-ca.pem -: inherits.test own-key.test plain.test",
      "3 ssl_certificate /etc/ssl/common.pem /etc/ssl/common.key: inherits.test plain.test",
      "12 ssl_certificate /etc/ssl/own-rsa.pem /etc/ssl/own-rsa.key: own.test",
      "13 ssl_certificate /etc/ssl/own-ec.pem /etc/ssl/own-ec.key: own.test",
      "17 ssl_trusted_certificate /etc/ssl/own-ca.pem -: own.test",
      "3 ssl_certificate /etc/ssl/common.pem /etc/ssl/other.key: own-key.test",
    ]);
  });

  test("ciphers and password files are those that count for the block", () => {
    const { servers } = fixtureModel("certificates-of-the-http-level");
    expect(servers.map(({ ciphers }) => ciphers).slice(0, 2)).toEqual([
      "DEFAULT@SECLEVEL=1",
      "HIGH",
    ]);
    expect(servers[0]?.pairs[0]?.passwordFile).toBeNull();
    expect(servers[1]?.pairs[1]?.passwordFile).toBe("/etc/nginx/passwords");
  });

  test("a pair of the context that no block inherits is a reference of nobody", () => {
    const model = modelOfHttp(
      "ssl_certificate c; ssl_certificate_key k; server { listen 80; ssl_certificate d; ssl_certificate_key l; }",
    );
    expect(
      model.references.map(({ certificate, servers }) => [
        certificate,
        servers.length,
      ]),
    ).toEqual([
      ["/etc/nginx/c", 0],
      ["/etc/nginx/d", 1],
    ]);
    expect(model.certificateCount).toBe(1);
  });

  test("what names certificates towards upstreams is found in every block", () => {
    expect(
      referenceLines(fixtureModel("certificates-towards-upstreams")),
    ).toEqual([
      "3 proxy_ssl_certificate /etc/ssl/client.pem /etc/ssl/client.key: inherits.test",
      "5 uwsgi_ssl_certificate $pem $pem: inherits.test own.test",
      "28 ssl_trusted_certificate /etc/ssl/acme-ca.pem -: ",
      "11 grpc_ssl_certificate /etc/ssl/grpc.pem /etc/ssl/grpc.key: inherits.test",
      "15 proxy_ssl_trusted_certificate /etc/ssl/deep-ca.pem -: inherits.test",
      "23 ssl_certificate /etc/ssl/own.pem /etc/ssl/own.key: own.test",
      "25 ssl_client_certificate /etc/nginx/clients.pem -: own.test",
    ]);
  });
});

test("mail and stream are read with what is their own", () => {
  const { servers, references } = fixtureModel("mail-and-stream");
  expect(
    servers.map(
      ({
        context,
        serverNames,
        listeners,
        passesThrough,
        startTls,
        pairs,
      }) => ({
        context,
        names: serverNames.join(" "),
        listeners: listeners.map(
          ({ address, ssl }) => `${address} ${ssl ? "ssl" : "-"}`,
        ),
        passesThrough,
        startTls,
        dynamic: pairs.some((pair) => pair.dynamic),
      }),
    ),
  ).toEqual([
    {
      context: "stream",
      names: "",
      listeners: ["127.0.0.1:853 ssl"],
      passesThrough: false,
      startTls: false,
      dynamic: false,
    },
    {
      context: "stream",
      names: "",
      listeners: [],
      passesThrough: false,
      startTls: false,
      dynamic: false,
    },
    {
      context: "stream",
      names: "",
      listeners: ["0.0.0.0:8443 -"],
      passesThrough: true,
      startTls: false,
      dynamic: false,
    },
    {
      context: "stream",
      names: "db.test",
      listeners: ["0.0.0.0:8444 ssl"],
      passesThrough: false,
      startTls: false,
      dynamic: false,
    },
    {
      context: "mail",
      names: "mail.test",
      listeners: ["0.0.0.0:993 ssl"],
      passesThrough: false,
      startTls: false,
      dynamic: false,
    },
    {
      context: "mail",
      names: "mail.test",
      listeners: ["0.0.0.0:143 -"],
      passesThrough: false,
      startTls: true,
      dynamic: false,
    },
    {
      context: "mail",
      names: "pop.test",
      listeners: ["0.0.0.0:995 ssl"],
      passesThrough: false,
      startTls: false,
      dynamic: false,
    },
  ]);
  expect(
    references.map(
      ({ context, directive, certificate }) =>
        `${context} ${directive} ${certificate}`,
    ),
  ).toEqual([
    "stream ssl_certificate /etc/ssl/stream.pem",
    "stream proxy_ssl_certificate /etc/ssl/client.pem",
    "mail ssl_certificate /etc/ssl/mail$.pem",
  ]);
});

test("variables make all pairs of a block dynamic, and values that are no files are marked", () => {
  const model = fixtureModel("variables-and-inline-keys");
  expect(
    model.servers.flatMap(({ pairs }) =>
      pairs.map(({ certificate, key, dynamic, inline }) => ({
        certificate,
        key,
        dynamic,
        inline,
      })),
    ),
  ).toEqual([
    {
      certificate: "/etc/ssl/$ssl_server_name.pem",
      key: "/etc/ssl/$ssl_server_name.key",
      dynamic: true,
      inline: false,
    },
    {
      certificate: "/etc/ssl/fixed.pem",
      key: "/etc/ssl/fixed.key",
      dynamic: true,
      inline: false,
    },
    {
      certificate: "data:[hidden]",
      key: "data:[hidden]",
      dynamic: false,
      inline: true,
    },
    {
      certificate: "data:$pem",
      key: "data:${key}",
      dynamic: true,
      inline: true,
    },
    {
      certificate: "/etc/ssl/token.pem",
      key: "store:pkcs11:token=t;object=o?pin-value=[hidden]",
      dynamic: false,
      inline: true,
    },
  ]);
  expect(JSON.stringify(model)).not.toMatch(/CANARY|Q0FOQVJZ|PRIVATE KEY/);
});

describe("listeners", () => {
  test("every form of listen is read as Nginx binds it", () => {
    const { servers, problems } = fixtureModel("listen-forms");
    expect(servers[0]?.listeners).toEqual([
      {
        address: "0.0.0.0:80",
        ssl: false,
        quic: false,
        proxyProtocol: false,
        default: true,
        dualStack: false,
      },
    ]);
    expect(
      servers[1]?.listeners.map(
        ({ address, ssl, quic, dualStack }) =>
          address +
          (ssl ? " ssl" : "") +
          (quic ? " quic" : "") +
          (dualStack ? " dual" : ""),
      ),
    ).toEqual([
      ...["0.0.0.0:443 ssl", "0.0.0.0:8443 ssl", "192.0.2.1:80"],
      ...["192.0.2.1:444 ssl", "[::]:443 ssl dual", "[2001:db8::1]:80 ssl"],
      ...["0.0.0.0:9001 ssl", "0.0.0.0:9002 ssl", "0.0.0.0:9003 ssl"],
      ...["[::1]:9101 ssl", "[::1]:9102 ssl", "localhost:445 ssl"],
      ...["internal.example:446 ssl", "unix:/run/nginx.sock ssl"],
      "0.0.0.0:443 quic",
    ]);
    expect(problems).toEqual([
      {
        file: "/etc/nginx/nginx.conf",
        line: 17,
        message: "an address cannot be understood",
      },
    ]);
  });

  test("what one block says of an address holds for all", () => {
    const { servers } = fixtureModel("shared-addresses");
    expect(
      Object.fromEntries(
        servers.map(({ serverNames, listeners }) => [
          serverNames[0],
          listeners.map((listener) =>
            [
              ...(listener.ssl ? ["ssl"] : []),
              ...(listener.proxyProtocol ? ["proxy_protocol"] : []),
              ...(listener.default ? ["default"] : []),
            ].join(" "),
          )[0],
        ]),
      ),
    ).toEqual({
      "silent.test": "ssl proxy_protocol default",
      "says-so.test": "ssl proxy_protocol",
      "first.test": "ssl",
      "asked.test": "ssl default",
      "old.test": "ssl default",
      "beside-old.test": "ssl",
      "plain.test": "default",
      "on-has-no-effect.test": "",
    });
  });
});

test("the main context tells what a reload depends on", () => {
  expect(fixtureModel("main-context")).toMatchObject({
    pidFile: "/usr/share/nginx/logs/nginx.pid",
    errorLogs: ["/usr/share/nginx/logs/error.log", "/var/log/nginx/error.log"],
    objectCacheInheritable: false,
    masterProcess: false,
  });
  expect(modelOfHttp("")).toMatchObject({
    pidFile: null,
    errorLogs: [],
    objectCacheInheritable: true,
    masterProcess: true,
  });
});

describe("a directive with another number of arguments than Nginx takes is passed over", () => {
  it.each([
    "ssl_certificate a b; ssl_certificate_key k;",
    "ssl_certificate; ssl_certificate_key k;",
    "ssl_client_certificate a b;",
    "ssl_trusted_certificate off;",
  ])("%s", (text) => {
    expect(modelOfHttp(`server { ${text} }`).references).toEqual([]);
  });
});

test("a text that is no dump gives an empty model that says so", () => {
  const model = readModel("server { listen 443 ssl; }", {
    prefix: "/",
    hostname: "h",
  });
  expect(model).toMatchObject({
    files: [],
    servers: [],
    references: [],
    problems: [{ message: "this is no output of nginx -T" }],
  });
});

test("never throws on a dump of arbitrary text, and survives being stored", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      ...["http {", "server {", "stream {", "mail {", "location / {", "}", ";"],
      ...["listen", " 443 ssl", " [::]:1-3", "ssl_certificate", " a", " $b"],
      ...["server_name", " ~(", "include", " /m;", " *;", '"', "\n", "data:"],
    ),
    fc.string({ unit: "binary", maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 80 }), (pieces) => {
      const dump = `# configuration file /m:\n${pieces.join("")}`;
      const model = readModel(dump, { prefix: "/", hostname: "h" });
      expect(JSON.parse(JSON.stringify(model))).toEqual(model);
    }),
    { numRuns: 500 },
  );
});
