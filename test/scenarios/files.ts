import { chmod, mkdir, readFile, rm, unlink } from "node:fs/promises";
import type { RuleId } from "../../src/core/validation/catalogue.ts";
import {
  altered,
  fatal,
  harmless,
  nearMiss,
  refusedByClients,
  refusedByNginx,
  regression,
  renewal,
  sound,
  warning,
  deployed,
  type Scenario,
} from "./scenario.ts";

/** The text up to `fraction` of its block number `block` (from 0). */
function cutInside(text: string, block: number, fraction: number): string {
  const starts = [...text.matchAll(/-----BEGIN/g)].map(({ index }) => index);
  const start = starts[block] ?? 0;
  const end = starts[block + 1] ?? text.length;
  return text.slice(0, start + Math.floor((end - start) * fraction));
}

/** The places of a block at which a writer that was stopped may have ended. */
const boundaries = {
  "in its first line": (block: string) => block.indexOf("-----") + 15,
  "after its first line": (block: string) => block.indexOf("\n") + 1,
  "before its last line": (block: string) => block.indexOf("-----END"),
  "in its last line": (block: string) => block.indexOf("-----END") + 15,
} as const;

/** The text up to such a place of its block number `block` (from 0). */
function cutAt(
  text: string,
  block: number,
  place: keyof typeof boundaries,
): string {
  const starts = [...text.matchAll(/-----BEGIN/g)].map(({ index }) => index);
  const start = starts[block] ?? 0;
  return text.slice(0, start + boundaries[place](text.slice(start)));
}

const places = [
  { place: "in its first line", rule: "files/not-pem" },
  { place: "after its first line", rule: "files/truncated" },
  { place: "before its last line", rule: "files/truncated" },
  { place: "in its last line", rule: "files/malformed" },
] as const satisfies readonly {
  place: keyof typeof boundaries;
  rule: RuleId;
}[];

function der(pem: string): string {
  // Bytes as characters: what a PEM reader sees when it is handed DER.
  const base64 = pem.replace(/-----[^-]+-----/g, "").replace(/\s/g, "");
  return Buffer.from(base64, "base64").toString("latin1");
}

export const files: readonly Scenario[] = [
  {
    name: "the private key's link leads nowhere",
    rule: "files/missing",
    ...fatal,
    ...refusedByNginx,
    write: async (stage) => {
      await renewal(sound)(stage);
      await rm(stage.certbot.archive(stage.lineage, "privkey", 2));
    },
  },
  {
    name: "the fullchain's link is absent",
    rule: "files/missing",
    ...fatal,
    ...refusedByNginx,
    write: async (stage) => {
      await renewal(sound)(stage);
      await unlink(stage.certbot.live(stage.lineage, "fullchain"));
    },
  },
  {
    name: "a version before the live one is gone",
    rule: "files/missing",
    ...nearMiss,
    write: async (stage) => {
      await renewal(sound)(stage);
      for (const kind of ["cert", "privkey", "chain", "fullchain"] as const)
        await rm(stage.certbot.archive(stage.lineage, kind, 1));
    },
  },
  {
    name: "the fullchain is a directory",
    rule: "files/unreadable",
    ...fatal,
    ...refusedByNginx,
    write: async (stage) => {
      await renewal(sound)(stage);
      const path = stage.certbot.archive(stage.lineage, "fullchain", 2);
      await rm(path);
      await mkdir(path);
    },
  },
  {
    name: "the private key is readable by root alone",
    rule: "files/unreadable",
    ...nearMiss,
    write: async (stage) => {
      await renewal(sound)(stage);
      await chmod(stage.certbot.archive(stage.lineage, "privkey", 2), 0o400);
    },
  },
  {
    name: "the fullchain is empty",
    rule: "files/empty",
    ...fatal,
    ...refusedByNginx,
    write: altered("fullchain", () => ""),
  },
  {
    name: "the private key is empty",
    rule: "files/empty",
    ...fatal,
    ...refusedByNginx,
    write: altered("privkey", () => ""),
  },
  {
    name: "the fullchain begins with empty lines and a text header",
    rule: "files/empty",
    ...nearMiss,
    write: altered(
      "fullchain",
      (text) => `\n\nBag Attributes\n    friendlyName: a.test\n${text}`,
    ),
  },
  {
    name: "the fullchain is DER",
    rule: "files/not-pem",
    ...fatal,
    ...refusedByNginx,
    write: altered("fullchain", (_, { cert }) => der(cert)),
  },
  {
    name: "the fullchain holds an error page",
    rule: "files/not-pem",
    ...fatal,
    ...refusedByNginx,
    write: altered("fullchain", () => "<html>502 Bad Gateway</html>\n"),
  },
  {
    name: "the private key file holds the certificate",
    rule: "files/not-pem",
    ...fatal,
    ...refusedByNginx,
    write: altered("privkey", (_, { cert }) => cert),
  },
  {
    name: "the lines end as on Windows",
    rule: "files/not-pem",
    ...nearMiss,
    write: altered("fullchain", (text) => text.replaceAll("\n", "\r\n")),
  },
  ...[0.1, 0.5, 0.95].map((fraction): Scenario => ({
    name: `the leaf ends at ${fraction * 100} % of its block`,
    rule: "files/truncated",
    ...fatal,
    ...refusedByNginx,
    write: altered("fullchain", (text) => cutInside(text, 0, fraction)),
  })),
  {
    name: "the intermediate ends in the middle of its block",
    rule: "files/truncated",
    ...fatal,
    ...refusedByNginx,
    write: altered("fullchain", (text) => cutInside(text, 1, 0.5)),
  },
  {
    name: "the private key ends in the middle of its block",
    rule: "files/truncated",
    ...fatal,
    ...refusedByNginx,
    write: altered("privkey", (text) => cutInside(text, 0, 0.5)),
  },
  ...places.flatMap(({ place, rule }): Scenario[] => [
    {
      name: `the leaf ends ${place}`,
      rule,
      ...fatal,
      ...refusedByNginx,
      write: altered("fullchain", (text) => cutAt(text, 0, place)),
    },
    {
      name: `the intermediate ends ${place}`,
      // What does not begin a block is text between blocks, which Nginx passes over.
      ...(rule === "files/not-pem"
        ? {
            rule: "chain/missing-intermediate",
            ...regression,
            ...refusedByClients,
          }
        : { rule, ...fatal, ...refusedByNginx }),
      write: altered("fullchain", (text) => cutAt(text, 1, place)),
    },
    {
      name: `the private key ends ${place}`,
      rule,
      ...fatal,
      ...refusedByNginx,
      write: altered("privkey", (text) => cutAt(text, 0, place)),
    },
  ]),
  {
    name: "the last line does not end",
    rule: "files/truncated",
    ...nearMiss,
    write: altered("fullchain", (text) => text.trimEnd()),
  },
  {
    name: "a line of the leaf's block is lost",
    rule: "files/malformed",
    ...fatal,
    ...refusedByNginx,
    write: altered("fullchain", (text) =>
      text
        .split("\n")
        .filter((_, line) => line !== 3)
        .join("\n"),
    ),
  },
  {
    name: "the private key's block holds other bytes",
    rule: "files/malformed",
    ...fatal,
    ...refusedByNginx,
    write: altered("privkey", (text) =>
      text.replace(/^[A-Za-z0-9+/]{16}/m, "AAAAAAAAAAAAAAAA"),
    ),
  },
  {
    name: "the leaf's block stands on lines of 76 characters",
    rule: "files/malformed",
    ...nearMiss,
    write: altered("fullchain", (text, { chain }) => {
      const lines = text
        .slice(0, text.length - chain.length)
        .trim()
        .split("\n");
      const body = lines.slice(1, -1).join("");
      const wrapped = body.match(/.{1,76}/g) ?? [];
      return [lines[0], ...wrapped, lines.at(-1), chain].join("\n");
    }),
  },
  {
    name: "Certbot was killed before it switched the fullchain",
    rule: "files/mixed-versions",
    ...fatal,
    ...refusedByNginx,
    write: async (stage) => {
      const files = await sound(stage);
      const renewing = await stage.certbot.begin(stage.lineage, files);
      await renewing.through("link chain");
    },
  },
  {
    name: "an archive has a gap between its versions",
    rule: "files/mixed-versions",
    ...nearMiss,
    write: async (stage) => {
      const files = await sound(stage);
      const renewing = await stage.certbot.begin(stage.lineage, files, 12);
      await renewing.finish();
    },
  },
  {
    name: "the private key can be read by everybody",
    rule: "files/key-exposed",
    ...warning,
    write: async (stage) => {
      await renewal(sound)(stage);
      await chmod(stage.certbot.archive(stage.lineage, "privkey", 2), 0o644);
    },
  },
  {
    name: "the private key can be read by a group",
    rule: "files/key-exposed",
    ...nearMiss,
    write: async (stage) => {
      await renewal(sound)(stage);
      await chmod(stage.certbot.archive(stage.lineage, "privkey", 2), 0o640);
    },
  },
  {
    name: "cert.pem is another certificate",
    rule: "files/cert-differs",
    ...warning,
    write: renewal(async (stage) => {
      const { cert } = await sound(stage);
      return { ...(await sound(stage)), cert };
    }),
  },
  {
    name: "cert.pem has a text header",
    rule: "files/cert-differs",
    ...nearMiss,
    write: altered("cert", (text) => `subject=CN = a.test\n${text}`),
  },
  {
    name: "chain.pem is another authority",
    rule: "files/chain-differs",
    ...warning,
    write: renewal(async (stage) => ({
      ...(await sound(stage)),
      chain: (await stage.pki.anotherRoot()).certificate,
    })),
  },
  {
    name: "chain.pem has no last newline",
    rule: "files/chain-differs",
    ...nearMiss,
    write: altered("chain", (text) => text.trimEnd()),
  },
  {
    name: "Nginx loads a copy of the lineage's files",
    rule: "source/outdated-copy",
    severity: "warning",
    outcome: "stale",
    exitCode: 6,
    nginxTest: "passes",
    client: "keeps the old",
    loads: "copy",
    write: renewal(sound),
  },
  {
    name: "Nginx loads the files in the archive",
    rule: "source/outdated-copy",
    severity: "warning",
    outcome: "stale",
    exitCode: 6,
    nginxTest: "passes",
    client: "keeps the old",
    loads: "archive",
    write: renewal(sound),
  },
  {
    name: "the lineage is renewed with the key that it had",
    rule: "source/outdated-copy",
    severity: null,
    ...deployed,
    ...harmless,
    write: renewal(async (stage) => {
      const path = stage.certbot.archive(stage.lineage, "privkey", 1);
      const key = await readFile(path, "utf8");
      return sound(stage, { key });
    }),
  },
];
