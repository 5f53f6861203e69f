import { effectivePairs, readFileName } from "./certificates.ts";
import type { Reading } from "./certificates.ts";
import { argumentOf, dataBlocks, levelOf } from "./directives.ts";
import type {
  CertificatePair,
  CertificateReference,
  NginxContext,
  ServerBlock,
} from "./model.ts";
import type { Directive } from "./parser.ts";

/** One of http, stream and mail, with its server blocks as read. */
export interface ContextTree extends Reading {
  readonly directives: readonly Directive[];
  readonly servers: readonly {
    readonly server: ServerBlock;
    readonly directives: readonly Directive[];
  }[];
}

/** `ssl_certificate`, `proxy_ssl_trusted_certificate`, `lua_ssl_certificate`, and what other modules call alike. */
const namesCertificate = /(?:^|_)(?:ssl(?:_\w+)?|trusted)_certificate$/;

/** Values that name no file; given by an inner block they end an inheritance. */
const noFile: ReadonlySet<string> = new Set(["", "on", "off"]);

/**
 * Every directive that names a certificate file, with the server blocks that are subject to it. A line that several
 * blocks read (by inheritance or through an include) is one reference.
 */
export function readReferences(
  tree: ContextTree,
): readonly CertificateReference[] {
  return merge([
    ...ownPairs(tree),
    ...contextReferences(tree),
    ...tree.servers.flatMap(({ server, directives }) => [
      ...pairReferences(tree, server),
      ...blockReferences(tree, [directives, tree.directives], [server.id]),
    ]),
  ]);
}

/** Pairs of the context that no server block inherits: Nginx does not load them. */
function ownPairs(tree: ContextTree): readonly CertificateReference[] {
  const inherited = new Set(
    tree.servers.flatMap(({ server }) => server.pairs.map(placeOf)),
  );
  return effectivePairs([levelOf(tree.directives)], tree)
    .filter((pair) => !inherited.has(placeOf(pair)))
    .map((pair) => pairReference(pair, tree.context, []));
}

function placeOf({ file, line, certificate }: CertificatePair): string {
  return `${file}:${line} ${certificate}`;
}

function pairReferences(
  { context }: ContextTree,
  { id, pairs }: ServerBlock,
): readonly CertificateReference[] {
  return pairs.map((pair) => pairReference(pair, context, [id]));
}

function pairReference(
  { certificate, key, file, line, dynamic, inline }: CertificatePair,
  context: NginxContext,
  servers: readonly string[],
): CertificateReference {
  return {
    directive: "ssl_certificate",
    certificate,
    key,
    file,
    line,
    context,
    servers,
    dynamic,
    inline,
  };
}

/** Those of the context itself: subject are the servers that do not name the same directive. */
function contextReferences(tree: ContextTree): readonly CertificateReference[] {
  return tree.directives.flatMap((directive) => {
    if (directive.block !== null) {
      return directive.name === "server" || dataBlocks.has(directive.name)
        ? []
        : blockReferences(tree, [directive.block, tree.directives], []);
    }
    if (!isReference(directive)) {
      return [];
    }
    const subject = tree.servers.filter(
      ({ directives }) =>
        !directives.some(({ name }) => name === directive.name),
    );
    return [
      reference(
        tree,
        [tree.directives],
        directive,
        subject.map(({ server }) => server.id),
      ),
    ];
  });
}

/** A block's directives, then those of the blocks around it. */
type Nesting = readonly (readonly Directive[])[];

/** Those of a block and of the blocks within. */
function blockReferences(
  tree: ContextTree,
  levels: Nesting,
  servers: readonly string[],
): readonly CertificateReference[] {
  return (levels[0] ?? []).flatMap((directive) => {
    if (directive.block === null) {
      return isReference(directive)
        ? [reference(tree, levels, directive, servers)]
        : [];
    }
    return dataBlocks.has(directive.name)
      ? []
      : blockReferences(tree, [directive.block, ...levels], servers);
  });
}

/** Pairs are read by `effectivePairs`; any number of arguments but one is refused by Nginx and may be spilled text. */
function isReference({ name, args }: Directive): boolean {
  return (
    name !== "ssl_certificate" &&
    namesCertificate.test(name) &&
    args.length === 1 &&
    !noFile.has(args[0] ?? "")
  );
}

function reference(
  tree: ContextTree,
  levels: Nesting,
  { name, args, file, line }: Directive,
  servers: readonly string[],
): CertificateReference {
  const certificate = readFileName(args[0] ?? "", tree);
  const writtenKey = argumentOf(levels.map(levelOf), `${name}_key`);
  const key = writtenKey ? readFileName(writtenKey, tree) : null;
  return {
    directive: name,
    certificate: certificate.path,
    key: key?.path ?? null,
    file,
    line,
    context: tree.context,
    servers,
    dynamic: certificate.dynamic || key?.dynamic === true,
    inline: certificate.inline || key?.inline === true,
  };
}

function merge(
  references: readonly CertificateReference[],
): readonly CertificateReference[] {
  const merged = new Map<
    string,
    { readonly first: CertificateReference; readonly servers: Set<string> }
  >();
  for (const found of references) {
    const { file, line, directive, certificate, key } = found;
    const place = JSON.stringify([file, line, directive, certificate, key]);
    const same = merged.get(place) ?? { first: found, servers: new Set() };
    for (const server of found.servers) {
      same.servers.add(server);
    }
    merged.set(place, same);
  }
  return Array.from(merged.values(), ({ first, servers }) => ({
    ...first,
    servers: [...servers],
  }));
}
