import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

const template = resolve(import.meta.dirname, "../../hooks/livecert");

/** Writes the hook as install.sh does, for a program of the test's choice. */
export async function writeHook(
  path: string,
  values: {
    readonly mode: "--defer" | "--flush";
    readonly node: string;
    readonly livecert: string;
  },
): Promise<void> {
  const text = await readFile(template, "utf8");
  await mkdir(dirname(path), { recursive: true });
  await writeFile(
    path,
    text
      .replace("@NODE@", values.node)
      .replace("@LIVECERT@", values.livecert)
      .replace("@MODE@", values.mode),
  );
  await chmod(path, 0o755);
}

/** A script for sh(1), as people put them into `renewal-hooks/`. */
export async function writeScript(
  path: string,
  ...lines: readonly string[]
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, ["#!/bin/sh", ...lines, ""].join("\n"));
  await chmod(path, 0o755);
}
