import { defineConfig } from "vitest/config";

// Roots that a machine adds for its own ends are read at every start of Node.js, of which there are thousands here.
delete process.env["NODE_EXTRA_CA_CERTS"];

export default defineConfig({
  test: {
    include: ["test/{unit,integration,e2e}/**/*.test.ts"],
    // Real programs on a shared machine: a limit against hanging, not a measure of speed.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Of what they start, some always waits: for a reload, a limit, the clock.
    maxWorkers: 3,
    pool: "forks",
  },
});
