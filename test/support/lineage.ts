/**
 * Writes lineages as Certbot does: the same layout, modes and order of changes
 * (seen by strace on 2.1.0; the same code in 5.6), and able to stop between any two
 * of them. Source: `certbot/_internal/storage.py`, RenewableCert.save_successor,
 * update_all_links_to and new_lineage.
 */
import {
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  unlink,
  writeFile,
  rename,
} from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { Issued } from "./pki.ts";

export const kinds = ["cert", "privkey", "chain", "fullchain"] as const;
export type Kind = (typeof kinds)[number];

/** The text of the four files of one version. */
export type LineageFiles = Readonly<Record<Kind, string>>;

/**
 * One change on disk. `write` makes an archive file, `conf` the renewal
 * configuration, `keep` a `previous_` link, `unlink` and `link` replace a live
 * link, `forget` removes the `previous_` link.
 */
export type Step =
  "conf" | `${"write" | "keep" | "unlink" | "link" | "forget"} ${Kind}`;

interface Change {
  readonly step: Step;
  readonly apply: () => Promise<unknown>;
}

/** The files of a leaf below `intermediates`, as Certbot would write them. */
export function lineageFiles(
  leaf: Issued,
  ...intermediates: readonly { readonly certificate: string }[]
): LineageFiles {
  const chain = intermediates.map(({ certificate }) => certificate).join("");
  return {
    cert: leaf.certificate,
    privkey: leaf.key,
    chain,
    fullchain: leaf.certificate + chain,
  };
}

/** A Certbot directory (`--config-dir`). */
export class CertbotDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  static async create(path: string): Promise<CertbotDirectory> {
    await mkdir(join(path, "renewal"), { recursive: true });
    await mkdir(join(path, "live"), { recursive: true, mode: 0o700 });
    await mkdir(join(path, "archive"), { recursive: true, mode: 0o700 });
    for (const moment of ["pre", "deploy", "post"])
      await mkdir(join(path, "renewal-hooks", moment), { recursive: true });
    return new CertbotDirectory(path);
  }

  /** `live/NAME`, or one of its files. */
  live(name: string, kind?: Kind): string {
    const directory = join(this.path, "live", name);
    return kind === undefined ? directory : join(directory, `${kind}.pem`);
  }

  archive(name: string, kind: Kind, version: number): string {
    return join(this.path, "archive", name, `${kind}${version}.pem`);
  }

  /** The newest version in the archive, 0 without any. */
  async newestVersion(name: string): Promise<number> {
    const files = await readdir(join(this.path, "archive", name)).catch(
      () => [],
    );
    const versions = files.map((file) => Number(/(\d+)\.pem$/.exec(file)?.[1]));
    return Math.max(0, ...versions.filter((version) => !Number.isNaN(version)));
  }

  /** Issues the lineage, or renews it where it exists, to the end. */
  async write(name: string, files: LineageFiles): Promise<void> {
    await (await this.begin(name, files)).finish();
  }

  /** The same, step by step. `version` leaves a gap, as Certbot's clean-up does. */
  async begin(
    name: string,
    files: LineageFiles,
    version?: number,
  ): Promise<Writing> {
    const newest = await this.newestVersion(name);
    const number = version ?? newest + 1;
    return new Writing(
      newest === 0
        ? await this.#issuance(name, files, number)
        : this.#renewal(name, files, number),
    );
  }

  /** Overwrites files of the version that is live, in place: what Certbot never does and people do. */
  async tamper(name: string, files: Partial<LineageFiles>): Promise<void> {
    for (const [kind, text] of Object.entries(files))
      await writeFile(this.live(name, kind as Kind), text);
  }

  /** `certbot delete`. */
  async delete(name: string): Promise<void> {
    await rm(join(this.path, "renewal", `${name}.conf`));
    for (const kind of kinds) await unlink(this.live(name, kind));
    await rm(this.live(name), { recursive: true });
    await rm(join(this.path, "archive", name), { recursive: true });
  }

  /** First issuance: dangling links before the files, the configuration's content last. */
  async #issuance(
    name: string,
    files: LineageFiles,
    version: number,
  ): Promise<readonly Change[]> {
    await writeFile(this.#configuration(name), "", { flag: "wx" });
    await mkdir(join(this.path, "archive", name));
    await mkdir(this.live(name));
    return [
      ...kinds.map((kind) => this.#link(name, kind, version)),
      ...kinds.map((kind) => this.#writeFile(name, kind, version, files)),
      {
        step: "conf",
        apply: async () => {
          await writeFile(
            join(this.live(name), "README"),
            "Kept by Certbot.\n",
          );
          await this.#writeConfiguration(name);
        },
      },
    ];
  }

  #renewal(
    name: string,
    files: LineageFiles,
    version: number,
  ): readonly Change[] {
    const privkeyFirst = ["privkey", "cert", "chain", "fullchain"] as const;
    const previous = (kind: Kind): string =>
      join(this.live(name), `previous_${kind}.pem`);
    return [
      ...privkeyFirst.map((kind) =>
        this.#writeFile(name, kind, version, files),
      ),
      { step: "conf", apply: () => this.#writeConfiguration(name) },
      ...kinds.map((kind): Change => ({
        step: `keep ${kind}`,
        apply: async () => {
          const target = await readlink(this.live(name, kind));
          const absolute = isAbsolute(target)
            ? target
            : resolve(this.live(name), target);
          await symlink(absolute, previous(kind));
        },
      })),
      ...kinds.flatMap((kind): Change[] => [
        { step: `unlink ${kind}`, apply: () => unlink(this.live(name, kind)) },
        this.#link(name, kind, version),
      ]),
      ...kinds.map((kind): Change => ({
        step: `forget ${kind}`,
        apply: () => unlink(previous(kind)),
      })),
    ];
  }

  #link(name: string, kind: Kind, version: number): Change {
    return {
      step: `link ${kind}`,
      apply: () =>
        symlink(
          `../../archive/${name}/${kind}${version}.pem`,
          this.live(name, kind),
        ),
    };
  }

  #writeFile(
    name: string,
    kind: Kind,
    version: number,
    files: LineageFiles,
  ): Change {
    return {
      step: `write ${kind}`,
      apply: () =>
        writeFile(this.archive(name, kind, version), files[kind], {
          mode: kind === "privkey" ? 0o600 : 0o644,
        }),
    };
  }

  #configuration(name: string): string {
    return join(this.path, "renewal", `${name}.conf`);
  }

  async #writeConfiguration(name: string): Promise<void> {
    const old = await readFile(this.#configuration(name), "utf8");
    const text =
      old === ""
        ? [
            "# renew_before_expiry = 30 days",
            "version = 2.1.0",
            `archive_dir = ${join(this.path, "archive", name)}`,
            ...kinds.map((kind) => `${kind} = ${this.live(name, kind)}`),
            "",
            "# Options used in the renewal process",
            "[renewalparams]",
            "authenticator = manual",
            "server = https://acme.invalid/directory",
            "key_type = ecdsa",
            "",
          ].join("\n")
        : old;
    await writeFile(`${this.#configuration(name)}.new`, text);
    await rename(`${this.#configuration(name)}.new`, this.#configuration(name));
  }
}

/** An issuance or a renewal under way. */
export class Writing {
  readonly #changes: Change[];

  constructor(changes: readonly Change[]) {
    this.#changes = [...changes];
  }

  /** What is still to come, in order. */
  get steps(): readonly Step[] {
    return this.#changes.map(({ step }) => step);
  }

  /** Applies the changes up to and including `step`. */
  async through(step: Step): Promise<void> {
    if (!this.steps.includes(step)) throw new Error(`no such step: ${step}`);
    for (let change = this.#changes.shift(); change;) {
      await change.apply();
      if (change.step === step) return;
      change = this.#changes.shift();
    }
  }

  async finish(): Promise<void> {
    for (const change of this.#changes.splice(0)) await change.apply();
  }
}
