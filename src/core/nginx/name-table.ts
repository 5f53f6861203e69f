import type { ServerBlock } from "./model.ts";
import { readServerName } from "./names.ts";
import type { ServerName } from "./names.ts";

/** The names of all blocks that share an address (`ngx_http_server_names`). */
export interface NameTable {
  readonly exact: ReadonlyMap<string, ServerBlock>;
  /** By the part behind `*.` or `.`. */
  readonly leading: ReadonlyMap<string, LeadingEntry>;
  /** By the part before `.*`. */
  readonly trailing: ReadonlyMap<string, ServerBlock>;
  readonly regexes: readonly RegexEntry[];
}

interface LeadingEntry {
  readonly server: ServerBlock;
  readonly bare: boolean;
}

interface RegexEntry {
  readonly server: ServerBlock;
  readonly pattern: RegExp | null;
}

export type Match =
  | { readonly kind: "found"; readonly server: ServerBlock }
  | { readonly kind: "uncertain"; readonly server: ServerBlock };

export function buildNameTable(
  servers: readonly ServerBlock[],
  hostname: string,
): NameTable {
  const builder = new NameTableBuilder();
  for (const server of servers) {
    for (const written of server.serverNames) {
      const name = readServerName(written, hostname);
      if (name !== null) {
        builder.add(name, server);
      }
    }
  }
  return builder;
}

/** The first to come owns a name; later ones are ignored, with a warning by Nginx. */
class NameTableBuilder implements NameTable {
  readonly exact = new Map<string, ServerBlock>();
  readonly leading = new Map<string, LeadingEntry>();
  readonly trailing = new Map<string, ServerBlock>();
  readonly regexes: RegexEntry[] = [];
  /** Exact names that are taken, also those of `.x`. */
  readonly #taken = new Set<string>();

  add(name: ServerName, server: ServerBlock): void {
    switch (name.kind) {
      case "exact":
        this.#addExact(name.name, server);
        return;
      case "leading":
        this.#addLeading(name, server);
        return;
      case "trailing":
        if (!this.trailing.has(name.prefix)) {
          this.trailing.set(name.prefix, server);
        }
        return;
      case "regex":
        this.regexes.push({ pattern: name.pattern, server });
    }
  }

  #addExact(name: string, server: ServerBlock): void {
    if (!this.#taken.has(name)) {
      this.#taken.add(name);
      this.exact.set(name, server);
    }
  }

  /** Where x is taken, `.x` is ignored as a whole; where `*.x` is, it still takes x (`ngx_hash_add_key`). */
  #addLeading(
    { suffix, bare }: Extract<ServerName, { kind: "leading" }>,
    server: ServerBlock,
  ): void {
    if (bare && this.#taken.has(suffix)) {
      return;
    }
    if (bare) {
      this.#taken.add(suffix);
    }
    if (!this.leading.has(suffix)) {
      this.leading.set(suffix, { server, bare });
    }
  }
}

/**
 * @param name as `readSni` returns it
 * @returns null where no name matches; `uncertain` where a regular expression that JavaScript cannot read comes first
 */
export function findByName(table: NameTable, name: string): Match | null {
  const server =
    table.exact.get(name) ??
    findLeading(table, name) ??
    findTrailing(table, name);
  return server === undefined
    ? findByRegex(table, name)
    : { kind: "found", server };
}

function findLeading(table: NameTable, name: string): ServerBlock | undefined {
  const bare = table.leading.get(name);
  if (bare?.bare === true) {
    return bare.server;
  }
  for (
    let dot = name.indexOf(".", 1);
    dot !== -1;
    dot = name.indexOf(".", dot + 1)
  ) {
    const entry = table.leading.get(name.slice(dot + 1));
    if (entry !== undefined) {
      return entry.server;
    }
  }
  return undefined;
}

function findTrailing(table: NameTable, name: string): ServerBlock | undefined {
  for (
    let dot = name.lastIndexOf(".");
    dot > 0;
    dot = name.lastIndexOf(".", dot - 1)
  ) {
    const server = table.trailing.get(name.slice(0, dot));
    if (server !== undefined) {
      return server;
    }
  }
  return undefined;
}

function findByRegex({ regexes }: NameTable, name: string): Match | null {
  for (const { pattern, server } of regexes) {
    if (pattern === null) {
      return { kind: "uncertain", server };
    }
    if (pattern.test(name)) {
      return { kind: "found", server };
    }
  }
  return null;
}
