import type { Claim } from "../claim.ts";
import { Differential, type Comparison } from "../differential.ts";

const counts = { short: 100, whole: 5000 } as const;
/** Bundles judged at the same time: nearly all of it is waiting for `openssl`. */
const atOnce = 3;

export const chainClaim: Claim = {
  id: "chain",
  what: "P1, P8: livecert and `openssl verify -purpose sslserver -verify_hostname` judge generated bundles alike, for the same reason",
  prove: async ({ extent, seed, progress }) => {
    await using differential = await Differential.create();
    const count = counts[extent];
    progress(`${count} bundles, from seed ${seed} on`);
    const comparisons: Comparison[] = [];
    const judge = async (lane: number): Promise<void> => {
      for (let index = lane; index < count; index += atOnce)
        comparisons.push(await differential.compare(seed + index));
    };
    await Promise.all(Array.from({ length: atOnce }, (_, lane) => judge(lane)));
    const accepted = comparisons.filter(({ isAccepted }) => isAccepted);
    const changes = new Set(comparisons.flatMap((one) => one.changes));
    return {
      tried: count,
      failures: comparisons.flatMap(({ difference }) => difference ?? []),
      details: [
        `${changes.size} kinds of change; OpenSSL accepts ${accepted.length} of ${count}; seeds ${seed} to ${seed + count - 1}`,
      ],
    };
  },
};
