import type { Claim } from "../claim.ts";
import { Worlds, type Asked } from "../worlds.ts";

const rounds = { short: 1, whole: 40 } as const;
const count = 24;

export const selectionClaim: Claim = {
  id: "selection",
  what: "P3: in generated configurations, a client is handed the certificate that the model predicts, for every listener and name",
  prove: async ({ extent, seed, progress }) => {
    const failures: string[] = [];
    let tried = 0;
    let uncertain = 0;
    for (let round = 0; round < rounds[extent]; round++) {
      const options = { seed: seed + round, count, inherits: round % 2 === 0 };
      await using worlds = await Worlds.create(options);
      const asked = await worlds.askAll();
      tried += asked.length;
      uncertain += asked.filter(isUncertain).length;
      for (const one of asked)
        if (!isUncertain(one) && one.predicted !== one.actual)
          failures.push(`${JSON.stringify(options)}: ${JSON.stringify(one)}`);
      progress(`${round + 1} of ${rounds[extent]} rounds`);
    }
    return {
      tried,
      failures,
      details: [
        `${rounds[extent] * count} configurations; for ${uncertain} of ${tried} handshakes the model says that it cannot know`,
      ],
    };
  },
};

function isUncertain({ predicted }: Asked): boolean {
  return predicted === "uncertain";
}
