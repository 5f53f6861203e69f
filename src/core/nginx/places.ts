/** Where a server block listens, and which names lead there: what Nginx's choice of a block makes of its `server_name`. */
import { isIpAddress } from "./address.ts";
import type { Listener, NginxModel, ServerBlock } from "./model.ts";
import { canBeSent, readServerName, type ServerName } from "./names.ts";
import { bareServersAt, selectServer } from "./selection.ts";

/** A block at one of its listeners. */
export interface Place {
  readonly model: NginxModel;
  readonly server: ServerBlock;
  readonly listener: Listener;
}

/** Over TCP or QUIC. */
export function isServing({ listener }: Place): boolean {
  return listener.ssl || listener.quic;
}

/** Whether a client that sends this name, or none, meets the block here. */
export function leadsHere(
  { model, server, listener }: Place,
  servername: string | null,
): boolean {
  const selected = selectServer(model, {
    context: server.context,
    address: listener.address,
    servername,
  });
  return selected.kind === "server" && selected.server.id === server.id;
}

/** A label that nobody has a server block for. */
export const inventedLabel = "certprobe";

/** Those of the block that Nginx can make sense of. */
export function serverNames(
  { serverNames: written }: ServerBlock,
  hostname: string,
): readonly ServerName[] {
  return written.flatMap((name) => readServerName(name, hostname) ?? []);
}

/** Names for which this place hands out its certificate: the block's own, and those of blocks that have none. */
export function namesServedAt(place: Place): readonly string[] {
  const { model, server, listener } = place;
  const borrowing = listener.default
    ? bareServersAt(model, server.context, listener.address)
    : [];
  return [server, ...borrowing].flatMap((block) =>
    serverNames(block, model.hostname).flatMap((name) =>
      servedNames(name).filter((served) => isServedHere(place, served)),
    ),
  );
}

function servedNames(name: ServerName): readonly string[] {
  switch (name.kind) {
    case "exact":
      return [name.name];
    case "leading": {
      const wildcard = `*.${name.suffix}`;
      return name.bare ? [name.suffix, wildcard] : [wildcard];
    }
    case "trailing":
    case "regex":
      return [];
  }
}

/** A client that asks for an address sends no SNI. */
function isServedHere(place: Place, name: string): boolean {
  if (isIpAddress(name)) {
    return leadsHere(place, null);
  }
  const sent = name.replace(/^\*\./, `${inventedLabel}.`);
  return canBeSent(sent) && /[a-z0-9]/.test(name) && leadsHere(place, sent);
}

/** Whether the place hands its certificate out for a name that its block does not spell out. */
export function isServedByPattern(place: Place, name: string): boolean {
  return namesByPattern(place) && isServedHere(place, name.toLowerCase());
}

/** Of a block with names of its own the others are not meant to be served, although a default server answers for them. */
function namesByPattern({ model, server }: Place): boolean {
  const names = serverNames(server, model.hostname);
  const spelt = names
    .flatMap(servedNames)
    .filter((name) => /[a-z0-9]/.test(name));
  const isPattern = names.some(
    ({ kind }) => kind === "trailing" || kind === "regex",
  );
  return isPattern || spelt.length === 0;
}
