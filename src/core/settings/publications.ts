/** The entries of `publish`: where a lineage's files are put for a service that looks for them elsewhere. */
import {
  invalid,
  readFields,
  type EntryReading,
  type EntryType,
  type RawEntry,
} from "./entry.ts";

/** In the order in which single files are replaced: who opens a certificate and then its key meets the fewest mixtures. */
export const publishedKinds = [
  "chain",
  "cert",
  "fullchain",
  "combined",
  "key",
] as const;
export type PublishedKind = (typeof publishedKinds)[number];

export const layouts = ["versioned", "files", "in-place"] as const;
export type Layout = (typeof layouts)[number];

export interface PublishedFile {
  readonly kind: PublishedKind;
  /** One name, without a slash. */
  readonly name: string;
}

export interface PublicationSetting {
  readonly name: string;
  /** A lineage's name below `live/`, or its path. */
  readonly lineage: string;
  /** Absolute. What lies below it may belong to somebody else; what lies above it must not. */
  readonly directory: string;
  /** Names below `directory`; links in it are followed as long as they stay inside. */
  readonly subdirectory: readonly string[];
  readonly layout: Layout;
  /** In the order of publishedKinds. */
  readonly files: readonly PublishedFile[];
  /** Name or number; null: whoever owns the directory. */
  readonly owner: string | null;
  readonly group: string | null;
  /** Of files without the key, and of those with it. */
  readonly mode: number;
  readonly keyMode: number;
  /** How many versions stay, the present one counted. */
  readonly keep: number;
}

const fields = {
  name: "text",
  lineage: "text",
  directory: "path",
  subdirectory: "text",
  layout: "text",
  files: "texts-by-text",
  owner: "text",
  group: "text",
  mode: "text",
  "key-mode": "text",
  keep: "text",
} as const;

const text = { type: "string", minLength: 1 } as const;
const textOrNumber = { type: ["string", "integer"] } as const;

export const publicationEntry: EntryType<PublicationSetting> = {
  read: readPublication,
  refuse: refuseClash,
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["name", "lineage", "directory"],
    properties: {
      name: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" },
      lineage: text,
      directory: text,
      subdirectory: text,
      layout: { enum: layouts },
      files: {
        type: "object",
        additionalProperties: false,
        properties: Object.fromEntries(
          publishedKinds.map((kind) => [kind, text]),
        ),
      },
      owner: textOrNumber,
      group: textOrNumber,
      mode: textOrNumber,
      "key-mode": textOrNumber,
      keep: { type: "integer", minimum: 1, maximum: 100 },
    },
  },
};

const defaultFiles = { fullchain: "fullchain.pem", key: "privkey.pem" };

function readPublication(
  raw: RawEntry,
  base: string,
): EntryReading<PublicationSetting> {
  const reading = readFields(raw, fields, base);
  if (reading.kind === "invalid") return reading;
  const given = reading.value;
  const { name, lineage, directory, owner, group } = given;
  if (name === null || lineage === null || directory === null)
    return invalid("needs name, lineage and directory");
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
    return invalid(
      "has a name that is not made of letters, digits, dots, dashes and underscores",
    );
  const layout = layouts.find((one) => one === (given.layout ?? "versioned"));
  if (layout === undefined)
    return invalid(`has a layout that is none of ${layouts.join(", ")}`);
  const subdirectory = namesOf(given.subdirectory ?? "");
  if (subdirectory === null)
    return invalid("has a subdirectory that leaves its directory");
  const files = readFiles(given.files ?? defaultFiles);
  if (files.kind === "invalid") return files;
  const mode = modeOf(given.mode ?? "0644");
  const keyMode = modeOf(given["key-mode"] ?? "0600");
  if (mode === null || keyMode === null)
    return invalid("has permission bits that are not like 0640");
  if ((keyMode & 0o007) !== 0)
    return invalid("has a key-mode that lets everybody read the key");
  const keep = Number(given.keep ?? "3");
  if (!Number.isInteger(keep) || keep < 1 || keep > 100)
    return invalid("has a keep that is not a whole number from 1 to 100");
  return {
    kind: "ok",
    value: {
      name,
      lineage,
      directory,
      subdirectory,
      layout,
      files: files.value,
      owner,
      group,
      mode,
      keyMode,
      keep,
    },
  };
}

/** null: it is absolute, or leads upwards. */
function namesOf(path: string): readonly string[] | null {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  return path.startsWith("/") || names.includes("..") ? null : names;
}

function readFiles(
  given: Readonly<Record<string, string>>,
): EntryReading<readonly PublishedFile[]> {
  const unknown = Object.keys(given).find(
    (kind) => !publishedKinds.some((known) => known === kind),
  );
  if (unknown !== undefined)
    return invalid(
      `has a file ${unknown} that is none of ${publishedKinds.join(", ")}`,
    );
  const files = publishedKinds.flatMap((kind) => {
    const name = given[kind];
    return name === undefined ? [] : [{ kind, name }];
  });
  const names = files.map(({ name }) => name);
  if (files.length === 0) return invalid("has no files");
  if (new Set(names).size < names.length)
    return invalid("has two files of one name");
  if (!names.every(isFileName))
    return invalid(
      "has a file name with a slash, or one that livecert needs itself",
    );
  return { kind: "ok", value: files };
}

function isFileName(name: string): boolean {
  return (
    !name.includes("/") &&
    ![".", ".."].includes(name) &&
    !name.startsWith(".livecert-") &&
    name.length <= 200
  );
}

/** Octal as chmod has it: `0640`, `640` or `0o640`; null: none that its owner could read by. */
function modeOf(text: string): number | null {
  const digits = /^(?:0o?)?([4-7][0-7]{2})$/.exec(text)?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 8);
}

/** Two entries that would write the same things. */
function refuseClash(entries: readonly PublicationSetting[]): string | null {
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const entry of entries) {
    if (names.has(entry.name)) return `two have the name ${entry.name}`;
    names.add(entry.name);
    for (const { path } of publishedPaths(entry)) {
      if (paths.has(path)) return `two publish ${path}`;
      paths.add(path);
    }
  }
  return null;
}

/** Where a service finds the files, in the order in which they are replaced. */
export function publishedPaths({
  directory,
  subdirectory,
  files,
}: PublicationSetting): readonly {
  readonly kind: PublishedKind;
  readonly path: string;
}[] {
  const place = [directory === "/" ? "" : directory, ...subdirectory];
  return files.map(({ kind, name }) => ({
    kind,
    path: [...place, name].join("/"),
  }));
}

export function holdsKey(kind: PublishedKind): boolean {
  return kind === "key" || kind === "combined";
}

/** The first of its files. */
export function mainFile(setting: PublicationSetting): string {
  return publishedPaths(setting)[0]?.path ?? setting.directory;
}

/** How a publication that failed is known among what is pending, where a source has its key: no path is like it. */
export function pendingKey({ name }: Pick<PublicationSetting, "name">): string {
  return `publication ${name}`;
}
