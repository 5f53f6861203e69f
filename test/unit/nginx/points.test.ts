import { describe, expect, it, test } from "vitest";
import type { NginxModel } from "../../../src/core/nginx/model.ts";
import { probePoints } from "../../../src/core/nginx/points.ts";
import type {
  ProbeContext,
  ProbePlan,
} from "../../../src/core/nginx/points.ts";
import { certificateSources } from "../../../src/core/nginx/sources.ts";
import { fixtureModel, modelOf, modelOfHttp } from "./fixture.ts";

const pair = "ssl_certificate c; ssl_certificate_key k;";
const everything: ProbeContext = {
  covers: () => true,
  subjectAltNames: [],
  keyAlgorithm: "ecdsa",
  hasSameSlot: () => false,
  localAddresses: ["127.0.0.1", "::1", "192.0.2.1", "fe80::1", "2001:db8::1"],
};

/** The plan of the source whose certificate ends so. */
function planOf(
  model: NginxModel,
  context: Partial<ProbeContext> = {},
  certificate = "/c",
): ProbePlan {
  const source = certificateSources(model).find((one) =>
    one.certificate.endsWith(certificate),
  );
  if (source === undefined) throw new Error(`no source ${certificate}`);
  return probePoints(model, source, { ...everything, ...context });
}

/** `address servername` of each point, then `listener: reason` of what cannot be probed. */
function outline({ points, unprobeable }: ProbePlan): readonly string[] {
  return [
    ...points.map(
      ({ address, servername }) => `${address} ${servername ?? "-"}`,
    ),
    ...unprobeable.map(({ listener, reason }) => `${listener}: ${reason}`),
  ];
}

function http(listen: string, rest = ""): NginxModel {
  return modelOfHttp(
    `server { ${listen} server_name a.test; ${pair} } ${rest}`,
  );
}

test("what a script hands out at each handshake need not be the source's", () => {
  const script = "ssl_certificate_by_lua_block { return }";
  const doubtOf = (model: NginxModel) => planOf(model).points[0]?.doubt;
  expect(doubtOf(http("listen 443 ssl;"))).toBeNull();
  expect(doubtOf(http(`listen 443 ssl; ${script}`))).toContain("a script");
  expect(doubtOf(http("listen 443 ssl;", script))).toContain("a script");
});

describe("where a client connects", () => {
  const plain = "server { listen 127.0.0.1:443; server_name other.test; }";
  it.each([
    [
      "the wildcard by loopback",
      "listen 443 ssl;",
      "",
      ["127.0.0.1:443 a.test"],
    ],
    [
      "the wildcard by another address where loopback has its own listener",
      "listen 443 ssl;",
      plain,
      ["192.0.2.1:443 a.test"],
    ],
    [
      "the IPv6 wildcard by loopback",
      "listen [::]:443 ssl;",
      "",
      ["[::1]:443 a.test"],
    ],
    [
      "the IPv6 wildcard by another address, never a link-local one",
      "listen [::]:443 ssl;",
      "server { listen [::1]:443 ssl; server_name b.test; }",
      ["[2001:db8::1]:443 a.test"],
    ],
    [
      "an address of this machine",
      "listen 192.0.2.1:443 ssl;",
      "",
      ["192.0.2.1:443 a.test"],
    ],
    [
      "any address of the loopback network",
      "listen 127.0.0.9:443 ssl;",
      "",
      ["127.0.0.9:443 a.test"],
    ],
    [
      "an address of another machine",
      "listen 198.51.100.1:443 ssl;",
      "",
      ["198.51.100.1:443: 198.51.100.1 is not an address of this machine"],
    ],
    ["localhost", "listen localhost:443 ssl;", "", ["127.0.0.1:443 a.test"]],
    [
      "a host name",
      "listen www.example:443 ssl;",
      "",
      [
        "www.example:443: only Nginx knows which addresses www.example stands for",
      ],
    ],
    [
      "a unix socket",
      "listen unix:/run/a.sock ssl;",
      "",
      ["unix:/run/a.sock a.test"],
    ],
    [
      "every port of a range",
      "listen 8443-8444 ssl;",
      "",
      ["127.0.0.1:8443 a.test", "127.0.0.1:8444 a.test"],
    ],
  ])("%s", (_, listen, rest, expected) => {
    expect(outline(planOf(http(listen, rest)))).toEqual(expected);
  });

  test("nowhere, where every local address has a listener of its own", () => {
    const model = http("listen 443 ssl;", "server { listen 127.0.0.1:443; }");
    expect(outline(planOf(model, { localAddresses: ["127.0.0.1"] }))).toEqual([
      "0.0.0.0:443: every local address has a listener of its own at port 443",
    ]);
  });

  test("at an address that another context has, the wildcard is not reached", () => {
    const model = modelOf({
      "/etc/nginx/nginx.conf": `http { server { listen 443 ssl; server_name a.test; ${pair} } }
        stream { server { listen 127.0.0.1:443; ssl_preread on; } }`,
    });
    expect(outline(planOf(model))).toEqual(["192.0.2.1:443 a.test"]);
  });

  test("loopback is taken where the local addresses are not known", () => {
    const model = http(
      "listen 443 ssl; listen [::]:443 ssl; listen 198.51.100.1:443 ssl;",
    );
    expect(outline(planOf(model, { localAddresses: [] }))).toEqual([
      "127.0.0.1:443 a.test",
      "[::1]:443 a.test",
      "198.51.100.1:443 a.test",
    ]);
  });

  it.each([
    ["listen [::]:443 ssl ipv6only=off;", "127.0.0.1:443 a.test"],
    [
      "listen [::]:443 ssl;",
      "[::]:443: this machine has no address of that family",
    ],
  ])("without IPv6 on this machine, %s", (listen, expected) => {
    const plan = planOf(http(listen), {
      localAddresses: ["127.0.0.1", "fe80::1"],
    });
    expect(outline(plan)).toEqual([expected]);
  });
});

describe("what a client asks for", () => {
  const first = `server { listen 443 ssl; server_name first.test; ssl_certificate d; ssl_certificate_key l; }`;
  const named = (names: string) =>
    modelOfHttp(
      `${first} server { listen 443 ssl; server_name ${names}; ${pair} }`,
    );
  const nothingCovered =
    "0.0.0.0:443: the certificate covers no name that leads to this server block";
  const noName =
    "0.0.0.0:443: no name leads to this server block at this address";

  it("is an uncovered name where nothing else shows what is handed out at present", () => {
    const covers = (name: string): boolean => name === "other.test";
    const [hidden] = planOf(named("a.test b.test"), { covers }).unprobeable;
    expect(hidden?.look).toMatchObject({
      address: "127.0.0.1:443",
      servername: "a.test",
    });
    const [shadowed] = planOf(named("first.test")).unprobeable;
    expect(shadowed?.look).toBeNull();
  });

  it.each([
    ["the first name", "a.test b.test", [], "127.0.0.1:443 a.test"],
    [
      "the first name that is covered",
      "old.test b.test",
      [],
      "127.0.0.1:443 b.test",
    ],
    [
      "not a name that an earlier block has",
      "first.test b.test",
      [],
      "127.0.0.1:443 b.test",
    ],
    [
      "an invented label below a wildcard",
      "*.b.test",
      [],
      "127.0.0.1:443 certprobe.b.test",
    ],
    ["the name itself of a leading dot", ".b.test", [], "127.0.0.1:443 b.test"],
    [
      "a name of the certificate for a trailing wildcard",
      "www.*",
      ["DNS:x.test", "DNS:WWW.test"],
      "127.0.0.1:443 www.test",
    ],
    [
      "a name of the certificate for a regular expression",
      "~^w+\\.test$",
      ["IP:192.0.2.1", "DNS:www.test"],
      "127.0.0.1:443 www.test",
    ],
    [
      "a name below the certificate's wildcard",
      "~\\.b\\.test$",
      ["DNS:*.b.test"],
      "127.0.0.1:443 certprobe.b.test",
    ],
    ["nothing where no name is covered", "old.test", [], nothingCovered],
    ["nothing where no name leads there", "first.test", [], noName],
    [
      "nothing where a name cannot be sent",
      "192.0.2.1 bücher.test",
      [],
      noName,
    ],
    [
      "nothing where JavaScript cannot read the expression",
      "~^[[:alpha:]]$",
      ["DNS:www.test"],
      noName,
    ],
  ])("%s", (_, names, subjectAltNames, expected) => {
    const plan = planOf(named(names), {
      covers: (name) => !name.startsWith("old."),
      subjectAltNames,
    });
    expect(outline(plan)).toEqual([expected]);
  });

  test("the default server needs no name", () => {
    const plan = planOf(http("listen 443 ssl;"), { covers: () => false });
    expect(outline(plan)).toEqual(["127.0.0.1:443 -"]);
  });

  test("one key type of several is asked for by name", () => {
    const model = modelOfHttp(
      `server { listen 443 ssl proxy_protocol; server_name a.test; ${pair} ssl_certificate d; ssl_certificate_key l; }`,
    );
    expect(planOf(model).points).toEqual([
      {
        id: "127.0.0.1:443 a.test ecdsa",
        sourceId: "/etc/nginx/c /etc/nginx/k",
        serverId: "/etc/nginx/nginx.conf:3",
        listener: "0.0.0.0:443",
        address: "127.0.0.1:443",
        servername: "a.test",
        proxyProtocol: true,
        keyAlgorithm: "ecdsa",
        doubt: null,
      },
    ]);
  });
});

describe("what cannot be seen", () => {
  it.each([
    ["plain HTTP has nothing to show", http("listen 80;"), []],
    [
      "a refusing block hands out nothing",
      modelOfHttp(
        `server { listen 443 ssl; ssl_reject_handshake on; ${pair} }`,
      ),
      [],
    ],
    [
      "QUIC is seen over TCP of the same block",
      http("listen 443 ssl; listen 443 quic;"),
      ["127.0.0.1:443 a.test"],
    ],
    [
      "QUIC alone is not seen",
      http("listen 443 quic;"),
      ["0.0.0.0:443: QUIC is served here, which cannot be probed"],
    ],
    [
      "a variable is read at each handshake",
      modelOfHttp(
        "server { listen 443 ssl; ssl_certificate $a/c; ssl_certificate_key k; }",
      ),
      [
        "0.0.0.0:443: the path holds a variable: Nginx reads the file at each handshake",
      ],
    ],
  ])("%s", (_, model, expected) => {
    expect(outline(planOf(model))).toEqual(expected);
  });

  test("STARTTLS begins after words that no probe speaks", () => {
    const plan = planOf(fixtureModel("mail-and-stream"), {}, "mail$.pem");
    expect(outline(plan)).toEqual([
      "127.0.0.1:993 mail.test",
      "127.0.0.1:995 pop.test",
      "0.0.0.0:143: TLS begins only after STARTTLS here",
    ]);
  });
});

describe("names that get the source", () => {
  it.each([
    [
      "all of a block",
      `server { listen 443 ssl; server_name A.test *.b.test .c.test _ "" $hostname; ${pair} }`,
      ["a.test", "*.b.test", "c.test", "*.c.test", "machine.example"],
    ],
    [
      "none of patterns",
      `server { listen 443 ssl; server_name www.* ~^x; ${pair} }`,
      [],
    ],
    [
      "an address only of the default server",
      `server { listen 443 ssl; server_name 192.0.2.1; ${pair} } server { listen 443 ssl; server_name 192.0.2.2; ${pair} }`,
      ["192.0.2.1"],
    ],
    [
      "not those an earlier block has",
      `server { listen 443 ssl; server_name a.test; ssl_certificate d; ssl_certificate_key l; } server { listen 443 ssl; server_name a.test b.test; ${pair} }`,
      ["b.test"],
    ],
    [
      "not those of plain HTTP",
      `server { listen 80; server_name a.test; ${pair} } server { listen 443 ssl; server_name b.test; ${pair} }`,
      ["b.test"],
    ],
    [
      "those of blocks that borrow the default server's",
      `server { listen 443 ssl; server_name a.test; ${pair} } server { listen 443; server_name b.test; }`,
      ["a.test", "b.test"],
    ],
    [
      "each once over all listeners",
      `server { listen 443 ssl; listen [::]:443 ssl; server_name a.test; ${pair} }`,
      ["a.test"],
    ],
  ])("%s", (_, text, expected) => {
    expect(planOf(modelOfHttp(text)).serverNames).toEqual(expected);
  });
});
