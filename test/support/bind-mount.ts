import { mkdir } from "node:fs/promises";
import { mustRun } from "./run.ts";

/** A directory that is seen at a second place. Needs root. */
export class BindMount implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(directory: string, path: string): Promise<BindMount> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await mustRun("mount", ["--bind", directory, path]);
    return new BindMount(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await mustRun("umount", ["--lazy", this.path]);
  }
}
