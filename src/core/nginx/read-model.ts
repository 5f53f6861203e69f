import { effective, effectivePairs } from "./certificates.ts";
import type { Levels, Reading } from "./certificates.ts";
import { argumentOf, flagOf, named } from "./directives.ts";
import { splitDump } from "./dump.ts";
import { expandIncludes } from "./includes.ts";
import { readListenings, shareAddresses } from "./listeners.ts";
import type { Listening } from "./listeners.ts";
import type { NginxContext, NginxModel, ServerBlock } from "./model.ts";
import type { Directive, Problem } from "./parser.ts";
import { resolvePath } from "./paths.ts";
import { readReferences } from "./references.ts";

/** What the dump does not say. */
export interface DumpEnvironment {
  /** Nginx's prefix (`-p`, or as compiled in): `pid` and logs count from it. */
  readonly prefix: string;
  readonly hostname: string;
}

/**
 * Reads the output of `nginx -T`. Never throws: what cannot be understood is listed in `problems`, and the rest is read
 * all the same. A text that holds no file of a dump gives a model without files.
 */
export function readModel(
  dumpText: string,
  { prefix, hostname }: DumpEnvironment,
): NginxModel {
  const files = splitDump(dumpText);
  const { directory, directives, problems: found } = expandIncludes(files);
  const problems: Problem[] = [...found];
  if (files.length === 0) {
    problems.push({
      file: "",
      line: 1,
      message: "this is no output of nginx -T",
    });
  }
  const trees = readContexts(directives, directory, problems);
  const servers = trees.flatMap((tree) =>
    tree.servers.map(({ server }) => server),
  );
  return {
    files: files.map(({ path }) => path),
    hostname,
    servers,
    references: trees.flatMap(readReferences),
    pidFile: pidFile(directives, prefix),
    errorLogs: errorLogs(directives, prefix),
    certificateCount: servers.reduce((sum, { pairs }) => sum + pairs.length, 0),
    objectCacheInheritable:
      flagOf(directives, "ssl_object_cache_inheritable") ?? true,
    masterProcess: flagOf(directives, "master_process") ?? true,
    problems,
  };
}

const contexts = ["http", "stream", "mail"] as const satisfies NginxContext[];

/** A server block of the tree, before its address is shared with others. */
interface Draft extends Reading {
  readonly id: string;
  readonly head: Directive;
  /** Its own, then those of the context around it. */
  readonly levels: Levels;
  readonly listenings: readonly Listening[];
  readonly sslOn: boolean;
}

function readContexts(
  directives: readonly Directive[],
  directory: string,
  problems: Problem[],
) {
  const blocks = contexts.flatMap((context) =>
    named(directives, context).map(({ block }) => ({
      context,
      directory,
      directives: block ?? [],
    })),
  );
  const nameServer = serverNamer();
  const trees = blocks.map((tree) => ({
    ...tree,
    drafts: named(tree.directives, "server")
      .filter(({ block }) => block !== null)
      .map((head) => draft(tree, head, nameServer(head), problems)),
  }));
  const drafts = trees.flatMap((tree) => tree.drafts);
  const listeners = shareAddresses(drafts);
  const servers = new Map(
    drafts.map((found, index) => [
      found.id,
      readServer(found, listeners[index] ?? []),
    ]),
  );
  return trees.map(({ drafts: own, ...tree }) => ({
    ...tree,
    servers: own.flatMap(({ id, levels }) => {
      const server = servers.get(id);
      return server ? [{ server, directives: levels[0] ?? [] }] : [];
    }),
  }));
}

/** Gives `FILE:LINE`, and `FILE:LINE#2` where the same line is read again. */
function serverNamer(): (head: Directive) => string {
  const times = new Map<string, number>();
  return ({ file, line }) => {
    const place = `${file}:${line}`;
    const time = (times.get(place) ?? 0) + 1;
    times.set(place, time);
    return time === 1 ? place : `${place}#${time}`;
  };
}

function draft(
  tree: Reading & { readonly directives: readonly Directive[] },
  head: Directive,
  id: string,
  problems: Problem[],
): Draft {
  const own = head.block ?? [];
  const levels = [own, tree.directives];
  return {
    context: tree.context,
    directory: tree.directory,
    id,
    head,
    levels,
    listenings: readListenings(own, tree.context, problems),
    sslOn: isOn(levels, "ssl"),
  };
}

function readServer(
  { id, head: { file, line }, levels, ...reading }: Draft,
  listeners: ServerBlock["listeners"],
): ServerBlock {
  const { context } = reading;
  return {
    id,
    context,
    file,
    line,
    serverNames: serverNames(levels, context),
    listeners,
    pairs: effectivePairs(levels, reading),
    rejectsHandshake: isOn(levels, "ssl_reject_handshake"),
    passesThrough: context === "stream" && isOn(levels, "ssl_preread"),
    startTls: context === "mail" && isStartTls(levels),
    ciphers: effective(levels, "ssl_ciphers").at(-1)?.args[0] ?? null,
  };
}

/** Only mail inherits its name. */
function serverNames(levels: Levels, context: NginxContext): readonly string[] {
  const found =
    context === "mail"
      ? effective(levels, "server_name")
      : named(levels[0] ?? [], "server_name");
  return found.flatMap(({ args }) => args);
}

function isOn(levels: Levels, name: string): boolean {
  return flagOf(effective(levels, name), name) ?? false;
}

function isStartTls(levels: Levels): boolean {
  const value = effective(levels, "starttls").at(-1)?.args[0];
  return value === "on" || value === "only";
}

function pidFile(
  directives: readonly Directive[],
  prefix: string,
): string | null {
  const written = argumentOf(directives, "pid");
  return written === null ? null : resolvePath(prefix, written);
}

function errorLogs(
  directives: readonly Directive[],
  prefix: string,
): readonly string[] {
  return named(directives, "error_log")
    .map(({ args }) => args[0] ?? "stderr")
    .filter((value) => !/^(?:stderr$|syslog:|memory:)/.test(value))
    .map((value) => resolvePath(prefix, value));
}
