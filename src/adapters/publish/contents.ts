/** A lineage's files as a service wants them. */
import { createHash } from "node:crypto";
import type { FileReading } from "../../core/lineage/lineage.ts";
import {
  type PublicationSetting,
  type PublishedKind,
} from "../../core/settings/publications.ts";
import type { LineageFiles } from "../certbot/snapshot.ts";
import { contentOfKey } from "../tls/private-key.ts";
import type { Contents } from "./order.ts";

/** By file name; null where a file of the lineage that is asked for cannot be read. */
export function contentsFor(
  { files }: PublicationSetting,
  lineage: LineageFiles,
): Contents | null {
  const contents = files.map(
    ({ kind, name }) => [name, contentFor(kind, lineage)] as const,
  );
  const known = contents.flatMap(([name, content]) =>
    content === null ? [] : [[name, content] as const],
  );
  return known.length === contents.length ? new Map(known) : null;
}

function contentFor(
  kind: PublishedKind,
  lineage: LineageFiles,
): Uint8Array | null {
  switch (kind) {
    case "cert":
    case "chain":
    case "fullchain":
      return contentOf(lineage[kind]);
    case "key":
      return keyContent(lineage);
    case "combined":
      return combined(keyContent(lineage), contentOf(lineage.fullchain));
  }
}

function contentOf(reading: FileReading): Uint8Array | null {
  return reading.kind === "read" ? reading.content : null;
}

function keyContent({ privkey }: LineageFiles): Uint8Array | null {
  return privkey.kind === "read" ? contentOfKey(privkey.content) : null;
}

const newline = 0x0a;

/** The key first, which every service that takes one file understands. */
function combined(
  key: Uint8Array | null,
  fullchain: Uint8Array | null,
): Uint8Array | null {
  if (key === null || fullchain === null) return null;
  const between = key.at(-1) === newline ? "" : "\n";
  return Buffer.concat([key, Buffer.from(between), fullchain]);
}

/**
 * Of everything that was asked for: the settings and the certificates. The key has no part in it; it is the one that
 * belongs to the leaf.
 */
export function digestOf(
  setting: PublicationSetting,
  { cert, chain, fullchain }: LineageFiles,
): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify({ ...setting, keep: null }));
  for (const reading of [cert, chain, fullchain])
    hash.update(contentOf(reading) ?? "").update("\0");
  return hash.digest("hex");
}
