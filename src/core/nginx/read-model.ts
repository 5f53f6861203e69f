import { effectivePairs } from "./certificates.ts";
import type { Reading } from "./certificates.ts";
import { argumentOf, effective, isOff, isOn, levelOf } from "./directives.ts";
import type { Level, Levels } from "./directives.ts";
import { splitDump } from "./dump.ts";
import { expandIncludes } from "./includes.ts";
import { readListenings, shareAddresses } from "./listeners.ts";
import type { Listening } from "./listeners.ts";
import type { NginxContext, NginxModel, ServerBlock } from "./model.ts";
import type { Directive, Problem } from "./parser.ts";
import { resolvePath } from "./paths.ts";
import { readReferences } from "./references.ts";
import type { ContextTree } from "./references.ts";
import { isLegible } from "./sources.ts";

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
  const main = levelOf(directives);
  const trees = readContexts(main, directory, problems);
  const servers = trees.flatMap((tree) =>
    tree.servers.map(({ server }) => server),
  );
  const references = trees.flatMap(readReferences);
  problems.push(...illegible(references));
  return {
    files: files.map(({ path }) => path),
    hostname,
    servers,
    references,
    pidFile: pidFile(main, prefix),
    errorLogs: errorLogs(main, prefix),
    certificateCount: servers.reduce((sum, { pairs }) => sum + pairs.length, 0),
    objectCacheInheritable: !isOff([main], "ssl_object_cache_inheritable"),
    masterProcess: !isOff([main], "master_process"),
    problems,
  };
}

function illegible(references: NginxModel["references"]): readonly Problem[] {
  return references
    .filter(
      ({ certificate, key }) => !isLegible(certificate) || !isLegible(key),
    )
    .map(({ file, line }) => ({
      file,
      line,
      message:
        "the file name is not UTF-8, so livecert cannot look after this certificate",
    }));
}

const contexts = ["http", "stream", "mail"] as const satisfies NginxContext[];

interface Context extends Reading {
  readonly directives: readonly Directive[];
}

/** A server block of the tree, before its addresses are shared with others. */
interface Draft extends Reading {
  readonly id: string;
  readonly head: Directive;
  readonly levels: Levels;
  readonly listenings: readonly Listening[];
  readonly sslOn: boolean;
}

function readContexts(
  main: Level,
  directory: string,
  problems: Problem[],
): readonly ContextTree[] {
  const found = contexts.flatMap((context) =>
    (main.get(context) ?? []).map(({ block }): Context => ({
      context,
      directory,
      directives: block ?? [],
    })),
  );
  const nameServer = serverNamer();
  const drafts = found.map((context) =>
    readDrafts(context, nameServer, problems),
  );
  const listeners = shareAddresses(drafts.flat());
  let index = 0;
  return found.map((context, position) => ({
    ...context,
    servers: (drafts[position] ?? []).map((draft) => ({
      server: readServer(draft, listeners[index++] ?? []),
      directives: draft.head.block ?? [],
    })),
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

function readDrafts(
  { directives, ...reading }: Context,
  nameServer: (head: Directive) => string,
  problems: Problem[],
): readonly Draft[] {
  const outer = levelOf(directives);
  return (outer.get("server") ?? []).flatMap((head) => {
    if (head.block === null) {
      return [];
    }
    const own = levelOf(head.block);
    const levels = [own, outer];
    return {
      ...reading,
      id: nameServer(head),
      head,
      levels,
      listenings: readListenings(own, reading.context, problems),
      sslOn: isOn(levels, "ssl"),
    };
  });
}

function readServer(
  { id, head: { file, line }, levels, context, directory }: Draft,
  listeners: ServerBlock["listeners"],
): ServerBlock {
  return {
    id,
    context,
    file,
    line,
    serverNames: serverNames(levels, context),
    listeners,
    pairs: effectivePairs(levels, { context, directory }),
    rejectsHandshake: isOn(levels, "ssl_reject_handshake"),
    passesThrough: context === "stream" && isOn(levels, "ssl_preread"),
    startTls: context === "mail" && isStartTls(levels),
    certificateByLua: byLua.some((name) => effective(levels, name).length > 0),
    ciphers: argumentOf(levels, "ssl_ciphers"),
  };
}

const byLua = [
  "ssl_certificate_by_lua_block",
  "ssl_certificate_by_lua_file",
] as const;

/** Only mail inherits its name. */
function serverNames(levels: Levels, context: NginxContext): readonly string[] {
  const relevant = context === "mail" ? levels : levels.slice(0, 1);
  return effective(relevant, "server_name").flatMap(({ args }) => args);
}

function isStartTls(levels: Levels): boolean {
  const value = argumentOf(levels, "starttls")?.toLowerCase();
  return value === "on" || value === "only";
}

function pidFile(main: Level, prefix: string): string | null {
  const written = argumentOf([main], "pid");
  return written === null ? null : resolvePath(prefix, written);
}

function errorLogs(main: Level, prefix: string): readonly string[] {
  return effective([main], "error_log")
    .map(({ args }) => args[0] ?? "stderr")
    .filter((value) => !/^(?:stderr$|syslog:|memory:)/.test(value))
    .map((value) => resolvePath(prefix, value));
}
