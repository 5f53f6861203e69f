/** Holds the model's server selection against a real Nginx; `npm run proof` does the same with many more configurations. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Worlds } from "../proof/worlds.ts";

const count = 24;

let worlds: Worlds;
beforeAll(async () => {
  worlds = await Worlds.create({ seed: 20_261_123, count, inherits: false });
});
afterAll(async () => {
  await worlds[Symbol.asyncDispose]();
});

test("every client gets the certificate of the server block that the model selects", async () => {
  const asked = await worlds.askAll();
  const predicted = asked.map((one) => `${one.question}: ${one.predicted}`);
  const actual = asked.map((one) => `${one.question}: ${one.actual}`);
  expect(predicted).toEqual(actual);
  expect(new Set(asked.map((one) => one.actual)).size).toBeGreaterThan(count);
});

test("every block that the model reads has the listeners and names it was written with", () => {
  const written = worlds.worlds.flatMap((world) =>
    world.blocks.map(({ listens, names }) => ({
      context: world.context,
      addresses: listens.flatMap((listen) => worlds.addressesOf(world, listen)),
      names,
    })),
  );
  const read = worlds.model.servers.map(
    ({ context, listeners, serverNames: names }) => ({
      context,
      addresses: listeners.map(({ address }) => address),
      names,
    }),
  );
  const inOrder = (["http", "stream"] as const).flatMap((context) =>
    written.filter((one) => one.context === context),
  );
  expect(read).toEqual(inOrder);
});
