import { availableParallelism } from "node:os";
import pMap from "p-map";
import { HostBed } from "../test/support/host.ts";
import { serverBlock } from "../test/support/nginx.ts";

/** A machine whose Nginx serves lineages, each with one name, in one server block each. */
export interface ServingHost extends AsyncDisposable {
  readonly bed: HostBed;
  /** Where Nginx serves all of them. */
  readonly address: string;
  readonly names: readonly string[];
}

export async function serve(count: number): Promise<ServingHost> {
  const bed = await HostBed.create();
  try {
    const names = Array.from({ length: count }, (_, index) => `h${index}.test`);
    const address = await bed.nginx.address();
    const blocks = await pMap(
      names,
      async (name) =>
        serverBlock({
          listen: [`${address} ssl`],
          names: [name],
          pairs: [await bed.renew(name)],
        }),
      { concurrency: availableParallelism() },
    );
    await bed.nginx.configure({ http: blocks.join("") });
    await bed.nginx.start();
    return {
      bed,
      address,
      names,
      [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose](),
    };
  } catch (error) {
    await bed[Symbol.asyncDispose]();
    throw error;
  }
}

/** What Certbot gives a hook for one lineage, and where the hook finds the beds. */
export function hookEnvironment(
  { bed }: ServingHost,
  name: string,
): NodeJS.ProcessEnv {
  return {
    ...bed.livecert.environment({}),
    RENEWED_LINEAGE: bed.certbot.live(name),
    RENEWED_DOMAINS: name,
  };
}
