import { defineConfig } from "vitest/config";

// Roots that a machine adds for its own ends are read at every start of Node.js, of which there are thousands here.
delete process.env["NODE_EXTRA_CA_CERTS"];

export default defineConfig({
  test: {
    // Real programs on a shared machine: a limit against hanging, not a measure of speed.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Of what they start, some always waits: for a reload, a limit, the clock.
    maxWorkers: 3,
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          // What does no I/O leaves nothing behind: a process of its own for each file takes longer than what it tests.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "real programs",
          include: ["test/{integration,e2e}/**/*.test.ts"],
        },
      },
    ],
  },
});
