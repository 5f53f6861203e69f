import { expect, test } from "vitest";
import { certificateSources } from "../../../src/core/nginx/sources.ts";
import { usesOf } from "../../../src/core/nginx/uses.ts";
import { fixtureModel, modelOfHttp } from "./fixture.ts";

test("a use tells names and listeners of all blocks that are subject to it", () => {
  const model = modelOfHttp(`
    ssl_certificate live/a/fullchain.pem;
    ssl_certificate_key live/a/privkey.pem;
    server { listen 443 ssl; server_name a.test; }
    server { listen 443; listen 80; listen 443 quic; server_name a.test b.test; }
  `);
  const lineageOf = (path: string) => (path.includes("live/a/") ? "a" : null);
  const address = "0.0.0.0:443";
  const shared = { ssl: true, quic: false, proxyProtocol: false };
  expect(usesOf(model, lineageOf)).toEqual([
    {
      certificate: "/etc/nginx/live/a/fullchain.pem",
      key: "/etc/nginx/live/a/privkey.pem",
      file: "/etc/nginx/nginx.conf",
      line: 4,
      context: "http",
      directive: "ssl_certificate",
      serverNames: ["a.test", "b.test"],
      listeners: [
        { address, ...shared, default: true },
        { address: "0.0.0.0:80", ...shared, ssl: false, default: true },
        { address, ...shared, ssl: false, quic: true, default: true },
      ],
      lineage: "a",
      dynamic: false,
    },
  ]);
});

test("a lineage is looked for where the path is one", () => {
  const uses = usesOf(fixtureModel("variables-and-inline-keys"), () => "x");
  expect(
    uses.map(({ certificate, lineage }) => [certificate, lineage]),
  ).toEqual([
    ["/etc/ssl/$ssl_server_name.pem", null],
    ["/etc/ssl/fixed.pem", "x"],
    ["data:[hidden]", null],
    ["data:$pem", null],
    ["/etc/ssl/token.pem", "x"],
  ]);
});

test("each pair of files is one source, whoever uses it", () => {
  const model = fixtureModel("certificates-of-the-http-level");
  const own = "/etc/nginx/nginx.conf";
  expect(
    certificateSources(model).map(({ id, servers, line }) => ({
      id,
      servers,
      line,
    })),
  ).toEqual([
    {
      id: "/etc/ssl/common.pem /etc/ssl/common.key",
      servers: [`${own}:7`, `${own}:20`],
      line: 3,
    },
    {
      id: "/etc/ssl/own-rsa.pem /etc/ssl/own-rsa.key",
      servers: [`${own}:8`],
      line: 12,
    },
    {
      id: "/etc/ssl/own-ec.pem /etc/ssl/own-ec.key",
      servers: [`${own}:8`],
      line: 13,
    },
    {
      id: "/etc/ssl/common.pem /etc/ssl/other.key",
      servers: [`${own}:19`],
      line: 3,
    },
  ]);
});

test("a certificate that is no file is no source, a key that is none is left open", () => {
  const sources = certificateSources(fixtureModel("variables-and-inline-keys"));
  expect(sources.map(({ id, key, dynamic }) => ({ id, key, dynamic }))).toEqual(
    [
      {
        id: "/etc/ssl/$ssl_server_name.pem /etc/ssl/$ssl_server_name.key",
        key: "/etc/ssl/$ssl_server_name.key",
        dynamic: true,
      },
      {
        id: "/etc/ssl/fixed.pem /etc/ssl/fixed.key",
        key: "/etc/ssl/fixed.key",
        dynamic: true,
      },
      { id: "/etc/ssl/token.pem", key: null, dynamic: false },
    ],
  );
});
