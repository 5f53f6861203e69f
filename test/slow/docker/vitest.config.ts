import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

/** Run by test/slow/docker.sh, which makes what these tests need. */
export default defineConfig({
  test: {
    root: resolve(import.meta.dirname, "../../.."),
    include: ["test/slow/docker/*.test.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // One engine at a time.
    fileParallelism: false,
    bail: 1,
    reporters: ["verbose"],
  },
});
