import { stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openToGroup } from "../../src/adapters/http/socket.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const modeOf = async (path: string): Promise<number> =>
  (await stat(path)).mode & 0o777;

it("opens a socket to its group, and nothing that took its place", async () => {
  await using directory = await temporaryDirectory();
  const socket = join(directory.path, "socket");
  const server = createServer().listen(socket);
  await once(server, "listening");
  openToGroup(socket);
  expect(await modeOf(socket)).toBe(0o660);
  server.close();

  const file = join(directory.path, "shadow");
  await writeFile(file, "", { mode: 0o600 });
  const link = join(directory.path, "link");
  await symlink(file, link);
  for (const path of [file, link]) openToGroup(path);
  expect(await modeOf(file)).toBe(0o600);
});
