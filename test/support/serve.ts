import type { HostBed, Pair } from "./host.ts";
import { serverBlock } from "./nginx.ts";
import { waitFor } from "./wait.ts";

export interface ServedName {
  readonly name: string;
  /** By default those of the lineage of that name. */
  readonly pair?: Pair;
  /** Further directives of its server block. */
  readonly more?: string;
}

/** Writes a server block for each name, all on one address; Nginx learns of it when it is told. */
export async function configureNames(
  host: HostBed,
  address: string,
  served: readonly ServedName[],
): Promise<void> {
  const blocks = served.map(({ name, pair, more }) =>
    serverBlock({
      listen: [`${address} ssl`],
      names: [name],
      pairs: [pair ?? host.pair(name)],
      ...(more === undefined ? {} : { more }),
    }),
  );
  await host.nginx.configure({ http: blocks.join("") });
}

/** Issues a lineage for each name and starts Nginx with them; answers with the address. */
export async function serveNames(
  host: HostBed,
  names: readonly string[],
): Promise<string> {
  for (const name of names) await host.renew(name);
  const address = await host.nginx.address();
  await configureNames(
    host,
    address,
    names.map((name) => ({ name })),
  );
  await host.nginx.start();
  return address;
}

/** Starts Nginx with one server block for all these names, on an address of its own; answers with that. */
export async function serveTogether(
  host: HostBed,
  names: readonly string[],
  pairs: readonly Pair[],
): Promise<string> {
  const address = await host.nginx.address();
  const listen = [`${address} ssl`];
  await host.nginx.configure({ http: serverBlock({ listen, names, pairs }) });
  await host.nginx.start();
  return address;
}

/** Waits until a client is handed what is on disk. */
export async function goesLive(
  host: HostBed,
  name: string,
  address: string,
): Promise<void> {
  await waitFor(`${name} goes live`, () => host.isLive(name, address));
}
