import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import {
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLParseError,
} from "yaml";
import type { GivenValue } from "../../core/settings/merge.ts";
import { LivecertError } from "../../errors.ts";
import { checkOwnership } from "../process/trust.ts";

export interface ConfigurationFile {
  readonly path: string;
  /** In the file's order, keys joined with dots, not yet checked. */
  readonly given: readonly GivenValue[];
  /** What is no YAML, as `PATH:LINE: …`. */
  readonly problems: readonly string[];
}

/** No sensible configuration comes near it. */
const sizeLimitBytes = 1_048_576;

/**
 * Reads the YAML file, whose values say which programs are run as root: a file that others could have written is refused.
 *
 * @throws LivecertError configuration-unreadable, configuration-unsafe
 */
export async function readConfigurationFile(
  path: string,
): Promise<ConfigurationFile> {
  await refuseUnreadable(path);
  const ownership = await checkOwnership(path);
  if (ownership.kind === "untrusted")
    throw new LivecertError("configuration-unsafe", ownership.reason, {
      remedy:
        "let root own the file and the directories above it, and take write permission from group and others",
    });
  return parseConfiguration(path, await readText(ownership.resolved));
}

async function refuseUnreadable(path: string): Promise<void> {
  const stats = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (!stats.isFile()) throw unreadable(path, new Error("is no regular file"));
  if (stats.size > sizeLimitBytes)
    throw unreadable(path, new Error("is larger than 1 MiB"));
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "does not exist",
  EACCES: "permission denied",
  ELOOP: "too many links",
};

function unreadable(path: string, cause: unknown): LivecertError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new LivecertError(
    "configuration-unreadable",
    `${path}: ${reasons[code ?? ""] ?? message}`,
    { cause, remedy: "name an existing file with --config" },
  );
}

/** Flattens the document; every value keeps the line of its key. */
export function parseConfiguration(
  path: string,
  text: string,
): ConfigurationFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
  });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const problems = document.errors.map(
    (error) => `${path}:${lineAt(error.pos[0])}: ${describeFault(error)}`,
  );
  const root = document.contents;
  if (problems.length > 0 || isEmpty(root))
    return { path, given: [], problems };
  if (!isMap(root))
    return {
      path,
      given: [],
      problems: [`${path}:1: options must stand as key: value`],
    };
  const given = flatten(root, "").map(({ key, value, offset }) => ({
    key,
    value,
    origin: { kind: "file", path, line: lineAt(offset) } as const,
    base: dirname(path),
  }));
  return { path, given, problems };
}

/** The library's advice for several documents is for programmers. */
function describeFault({
  code,
  message,
}: Pick<YAMLParseError, "code" | "message">): string {
  return code === "MULTIPLE_DOCS"
    ? "a second document begins after ---; all options belong in one"
    : firstLine(message);
}

function isEmpty(node: Node | null): node is null {
  return node === null || (isScalar(node) && node.value === null);
}

interface FlatValue {
  readonly key: string;
  readonly value: unknown;
  /** Of the key in the text. */
  readonly offset: number;
}

function flatten(map: YAMLMap, prefix: string): readonly FlatValue[] {
  return (map.items as readonly Pair<Node, Node | null>[]).flatMap((pair) => {
    const { key, value } = pair;
    const name = prefix + (isScalar(key) ? String(key.value) : "?");
    if (isMap(value)) return flatten(value, `${name}.`);
    // A key without a value is an option that somebody emptied: it is not given.
    return isEmpty(value)
      ? []
      : [{ key: name, value: plainValue(value), offset: key.range?.[0] ?? 0 }];
  });
}

/** A list of records that hold maps and lists themselves: no option goes deeper. */
const deepest = 4;

/** undefined, which no option accepts, for what is neither a scalar, a list nor a map (an alias may refer to itself). */
function plainValue(node: unknown, depth = 0): unknown {
  if (isScalar(node)) return isOctal(node) ? node.source : node.value;
  if (depth === deepest) return undefined;
  if (isSeq(node)) return node.items.map((item) => plainValue(item, depth + 1));
  if (!isMap(node)) return undefined;
  const pairs = node.items.map(({ key, value }) => [
    isScalar(key) ? String(key.value) : "?",
    value === null ? null : plainValue(value, depth + 1),
  ]);
  return Object.fromEntries(pairs) as unknown;
}

/** `0640` is no decimal number to anybody. */
function isOctal({ value, source }: Scalar): boolean {
  return typeof value === "number" && /^0o?\d/.test(source ?? "");
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
