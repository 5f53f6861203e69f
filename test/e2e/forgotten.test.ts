import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { configureNames, serveNames } from "../support/serve.ts";

function inDays(days: number): { through: readonly string[] } {
  return { through: ["faketime", "-f", `+${days}d`] };
}

async function remembered({ livecert }: HostBed): Promise<readonly string[]> {
  const names = await readdir(join(livecert.stateDirectory, "v1", "sources"));
  return names.map((name) => name.split("-")[0] ?? "").sort();
}

it("a source that is gone from the disk and from Nginx is forgotten, after a month", async () => {
  await using host = await HostBed.create();
  const address = await serveNames(host, ["kept.test", "gone.test"]);
  await host.livecert.document(["deploy"]);
  expect(await remembered(host)).toEqual(["gone.test", "kept.test"]);

  await configureNames(host, address, [{ name: "kept.test" }]);
  await host.nginx.reload();
  await host.livecert.document(["deploy"], inDays(31));
  expect(await remembered(host)).toEqual(["gone.test", "kept.test"]);

  await host.certbot.delete("gone.test");
  await host.livecert.document(["deploy"], inDays(32));
  expect(await remembered(host)).toEqual(["gone.test", "kept.test"]);
  await host.livecert.document(["deploy"], inDays(63));
  expect(await remembered(host)).toEqual(["kept.test"]);
});
