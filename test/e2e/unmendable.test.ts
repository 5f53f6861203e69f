import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";

const name = "a.example.test";

/**
 * Nginx hands out another certificate than `ssl_certificate` names, whatever it
 * loads: ssl_conf_command is carried out after it.
 */
async function overrule(host: HostBed): Promise<string> {
  const pair = await host.renew(name);
  const other = await host.files([name]);
  const certificate = join(host.directory, "other.pem");
  const key = join(host.directory, "other-key.pem");
  await writeFile(certificate, other.fullchain);
  await writeFile(key, other.privkey, { mode: 0o600 });
  const address = await host.nginx.address();
  await host.nginx.configure({
    http: serverBlock({
      listen: [`${address} ssl`],
      names: [name],
      pairs: [pair],
      more: [
        `ssl_conf_command Certificate "${certificate}";`,
        `ssl_conf_command PrivateKey "${key}";`,
        'return 200 "ok\\n";',
      ].join("\n"),
    }),
  });
  await host.nginx.start();
  return address;
}

it("makes two reloads and no more for a state that no reload mends, until a person insists, the files change or Nginx starts anew", async () => {
  await using host = await HostBed.create();
  const address = await overrule(host);
  const { livecert, nginx } = host;
  expect(await host.isLive(name, address)).toBe(false);
  const environment = { RENEWED_LINEAGE: host.certbot.live(name) };
  const stale = async (
    args: readonly string[],
    reloads: number,
  ): Promise<void> => {
    const document = await livecert.document(args, { environment });
    expect(
      { args, outcome: document.outcome, code: document.exitCode },
      JSON.stringify(document.lineages),
    ).toEqual({ args, outcome: "stale", code: 6 });
    expect({ args, reloads: document.reloads }).toEqual({ args, reloads });
  };

  await stale(["hook"], 1);
  await stale(["retry"], 1);
  for (const command of ["retry", "hook", "deploy"]) await stale([command], 0);
  expect(await nginx.reconfigurations()).toBe(2);

  await stale(["deploy", name, "--force"], 1);
  await stale(["retry"], 0);
  expect(await nginx.reconfigurations()).toBe(3);

  await host.renew(name);
  await stale(["hook"], 1);
  await stale(["retry"], 1);
  await stale(["retry"], 0);
  expect(await nginx.reconfigurations()).toBe(5);

  await nginx.stop();
  await nginx.start();
  await stale(["retry"], 1);
  await stale(["retry"], 1);
  await stale(["retry"], 0);
  expect(await nginx.reconfigurations()).toBe(7);
});
