import { mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "./run.ts";

/** A small file system of its own, mounted over a directory. Needs root. */
export class SmallDisk implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async mount(path: string): Promise<SmallDisk> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await mustRun("mount", [
      ...["-t", "tmpfs", "-o", "size=256k,mode=0700", "livecert-test", path],
    ]);
    return new SmallDisk(path);
  }

  /** Not a byte can be written any more. */
  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#path);
    await writeFile(this.#filler, Buffer.alloc(bavail * bsize));
  }

  async makeRoom(): Promise<void> {
    await rm(this.#filler);
  }

  async remount(mode: "ro" | "rw"): Promise<void> {
    await mustRun("mount", ["-o", `remount,${mode}`, this.#path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await mustRun("umount", ["--lazy", this.#path]);
  }

  get #filler(): string {
    return join(this.#path, "filler");
  }
}
