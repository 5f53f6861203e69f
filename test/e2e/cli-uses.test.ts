import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CertbotDirectory, lineageFiles } from "../support/lineage.ts";
import { createPki } from "../support/pki.ts";
import { Terminal } from "./transcript.ts";

const dump = (certbot: string) => `nginx: the configuration file is fine
# configuration file /etc/nginx/nginx.conf:
events {}
http {
    include conf.d/*.conf;
}

# configuration file /etc/nginx/conf.d/site.conf:
server {
    listen 443 ssl default_server;
    server_name example.org www.example.org;
    ssl_certificate ${certbot}/live/example.org/fullchain.pem;
    ssl_certificate_key ${certbot}/live/example.org/privkey.pem;
}
server {
    listen 8443 ssl;
    server_name $hostname;
    ssl_certificate /srv/$ssl_server_name.pem;
    ssl_certificate_key /srv/$ssl_server_name.key;
}
`;

async function terminalWithLineage(): Promise<Terminal> {
  await using pki = await createPki();
  const terminal = await Terminal.open();
  const certbot = await CertbotDirectory.create(
    join(terminal.directory, "letsencrypt"),
  );
  const leaf = await pki.intermediate.leaf({ names: ["example.org"] });
  await certbot.write("example.org", lineageFiles(leaf, pki.intermediate));
  await writeFile(join(terminal.directory, "dump"), dump(certbot.path));
  return terminal;
}

describe("livecert uses --dump", () => {
  it("gives one line per reference, in columns that cut understands", async () => {
    await using terminal = await terminalWithLineage();
    const { stdout } = await terminal.run(["uses", "--dump", "dump"]);
    const live = join(terminal.directory, "letsencrypt/live/example.org");
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.split("\t")),
    ).toEqual([
      [
        `${live}/fullchain.pem`,
        "example.org",
        "ssl_certificate",
        "/etc/nginx/conf.d/site.conf:4",
        "0.0.0.0:443",
        "example.org www.example.org",
      ],
      [
        "/srv/$ssl_server_name.pem (read at each handshake)",
        "-",
        "ssl_certificate",
        "/etc/nginx/conf.d/site.conf:10",
        "0.0.0.0:8443",
        expect.any(String),
      ],
    ]);
  });

  it("prints the same as one JSON document, also from standard input", async () => {
    await using terminal = await terminalWithLineage();
    const fromFile = await terminal.run(["uses", "--dump", "dump", "--json"]);
    const { uses } = JSON.parse(fromFile.stdout) as { uses: unknown };
    expect(uses).toMatchObject([
      {
        key: join(
          terminal.directory,
          "letsencrypt/live/example.org/privkey.pem",
        ),
        file: "/etc/nginx/conf.d/site.conf",
        line: 4,
        context: "http",
        serverNames: ["example.org", "www.example.org"],
        listeners: [
          {
            address: "0.0.0.0:443",
            ssl: true,
            quic: false,
            proxyProtocol: false,
            default: true,
          },
        ],
        lineage: "example.org",
        dynamic: false,
      },
      { lineage: null, dynamic: true },
    ]);
    const fromInput = await terminal.run(["uses", "--dump", "-", "--json"], {
      input: dump(join(terminal.directory, "letsencrypt")),
    });
    expect(fromInput.stdout).toBe(fromFile.stdout);
  });

  it("says so where there is no dump to read", async () => {
    await using terminal = await Terminal.open();
    expect(await terminal.transcript(["uses", "--dump", "none"])).toBe(
      `$ livecert uses --dump none
livecert: error: none cannot be read
livecert: hint: nginx -T | livecert uses --dump -
exit 2
`,
    );
    const { exitCode, stderr } = await terminal.run(["uses", "--dump", "-"], {
      input: "nginx: configuration file /etc/nginx/nginx.conf test failed\n",
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("is no output of nginx -T");
  });

  it("reads no more than any dump may have, from a file or a pipe that never ends", async () => {
    await using terminal = await Terminal.open();
    await writeFile(join(terminal.directory, "big"), "");
    await truncate(join(terminal.directory, "big"), 1_000_000_000);
    for (const dump of ["big", "/dev/zero"]) {
      const { exitCode, stderr } = await terminal.run(["uses", "--dump", dump]);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`${dump} is larger than 64 MiB`);
    }
  });

  it("names in the document what it did not understand, beside what it did", async () => {
    await using terminal = await Terminal.open();
    const input =
      "# configuration file /n.conf:\nhttp { server { listen 443 ssl;\nssl_certificate /a.pem; ssl_certificate_key /a.key; }\n";
    const { exitCode, stdout } = await terminal.run(
      ["uses", "--dump", "-", "--json"],
      { input },
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      uses: [{ certificate: "/a.pem" }],
      warnings: [expect.stringMatching(/^\/n\.conf:\d+: ./)],
    });
  });

  it("ends cleanly whatever it is given", async () => {
    await using terminal = await Terminal.open();
    const marker = "# configuration file /n.conf:\n";
    const inputs = fc.sample(
      fc.oneof(
        fc.string({ unit: "binary", maxLength: 200 }),
        fc
          .array(
            fc.constantFrom("server", "{", "}", ";", "'", "\\", "ssl", "\n"),
            { maxLength: 40 },
          )
          .map((words) => words.join(" ")),
      ),
      12,
    );
    for (const input of [marker + "{".repeat(100_000), ...inputs]) {
      const { exitCode, signal } = await terminal.run(["uses", "--dump", "-"], {
        input: marker + input,
      });
      expect(signal).toBeNull();
      expect([0, 2]).toContain(exitCode);
    }
  });

  it("lets no key of the dump through", async () => {
    await using terminal = await Terminal.open();
    const canary = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
    const pem = `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----\n`;
    const block = (value: string) =>
      `# configuration file /n.conf:\nhttp { server { listen 443 ssl; ssl_certificate_key ${value}; } }\n`;
    for (const value of [`"data:${pem}"`, `data:${pem}`, `'data:${pem}`])
      for (const words of [["--json"], ["--log-level", "trace"]]) {
        const { stdout, stderr } = await terminal.run(
          ["uses", "--dump", "-", ...words],
          { input: block(value) },
        );
        expect(stdout + stderr).not.toContain(canary.slice(0, 16));
      }
  });
});
