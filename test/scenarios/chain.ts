import type { LineageFiles } from "../support/lineage.ts";
import {
  altered,
  below,
  daysFromNow,
  deployed,
  harmless,
  names,
  nearMiss,
  refusedByClients,
  regression,
  renewal,
  sound,
  warning,
  type Scenario,
  type Stage,
} from "./scenario.ts";

/** A regression that clients meet too. */
const refused = { ...regression, ...refusedByClients } as const;

/** Served and renewed alike by an authority that nobody trusts: a private CA. */
async function private_({ pki }: Stage): Promise<LineageFiles> {
  const root = await pki.anotherRoot({ commonName: "Private Root" });
  return below([await root.authority({ commonName: "Private Intermediate" })]);
}

/** Two intermediates below the trusted root, the lower one last. */
async function twoIntermediates({ pki }: Stage) {
  const upper = await pki.root.authority({ commonName: "Upper Intermediate" });
  const lower = await upper.authority({ commonName: "Lower Intermediate" });
  return [upper, lower] as const;
}

function leafOnly(files: LineageFiles): LineageFiles {
  return { ...files, fullchain: files.cert };
}

/** The same certificate with the last bit of its signature changed. */
function forge(pem: string): string {
  const base64 = pem.replace(/-----[^-]+-----/g, "").replace(/\s/g, "");
  const bytes = Buffer.from(base64, "base64");
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return [
    "-----BEGIN CERTIFICATE-----",
    ...lines,
    "-----END CERTIFICATE-----",
    "",
  ].join("\n");
}

export const chain: readonly Scenario[] = [
  {
    name: "the new chain ends at a root that nobody trusts",
    rule: "chain/untrusted",
    ...refused,
    write: renewal(private_),
  },
  {
    name: "the new leaf stands alone and nobody knows its issuer",
    rule: "chain/untrusted",
    ...refused,
    write: renewal(async (stage) => {
      const files = await private_(stage);
      return { ...leafOnly(files), chain: "" };
    }),
  },
  {
    name: "a private CA is served and renewed",
    rule: "chain/untrusted",
    severity: "regression",
    ...deployed,
    ...refusedByClients,
    before: private_,
    write: renewal(private_),
  },
  {
    name: "the served certificate has expired and the new one is untrusted",
    rule: "chain/untrusted",
    severity: "regression",
    ...deployed,
    ...refusedByClients,
    before: (stage) =>
      sound(stage, {
        notBefore: daysFromNow(-91),
        notAfter: daysFromNow(-1),
      }),
    write: renewal(private_),
  },
  {
    name: "the chain has another intermediate below the same root",
    rule: "chain/untrusted",
    ...nearMiss,
    write: renewal(async (stage) => below(await twoIntermediates(stage))),
  },
  {
    name: "the fullchain is the leaf alone",
    rule: "chain/missing-intermediate",
    ...refused,
    write: renewal(async (stage) => leafOnly(await sound(stage))),
  },
  {
    name: "the lower of two intermediates is missing",
    rule: "chain/missing-intermediate",
    ...refused,
    before: async (stage) => below(await twoIntermediates(stage)),
    write: renewal(async (stage) => {
      const [upper, lower] = await twoIntermediates(stage);
      const files = await below([upper, lower]);
      return {
        ...files,
        chain: upper.certificate,
        fullchain: files.cert + upper.certificate,
      };
    }),
  },
  {
    name: "the leaf was alone before, and nobody knows its issuer",
    rule: "chain/untrusted",
    severity: "regression",
    ...deployed,
    ...refusedByClients,
    before: async (stage) => leafOnly(await sound(stage)),
    write: renewal(async (stage) => leafOnly(await sound(stage))),
  },
  {
    name: "the trusted root itself signed the leaf",
    rule: "chain/missing-intermediate",
    ...nearMiss,
    write: renewal(async ({ pki }) => {
      const files = await below([pki.root]);
      return { ...leafOnly(files), chain: "" };
    }),
  },
  {
    name: "the leaf is meant for clients only",
    rule: "chain/wrong-purpose",
    ...refused,
    write: renewal((stage) =>
      sound(stage, { extensions: { extendedKeyUsage: "clientAuth" } }),
    ),
  },
  {
    name: "the leaf is meant for servers and clients",
    rule: "chain/wrong-purpose",
    ...nearMiss,
    write: renewal((stage) =>
      sound(stage, {
        extensions: { extendedKeyUsage: "serverAuth,clientAuth" },
      }),
    ),
  },
  {
    name: "the leaf is an authority",
    rule: "chain/ca-as-leaf",
    ...regression,
    ...harmless,
    write: renewal((stage) =>
      sound(stage, {
        extensions: {
          basicConstraints: "critical,CA:TRUE",
          keyUsage: "critical,digitalSignature,keyCertSign",
        },
      }),
    ),
  },
  {
    name: "the leaf says nothing about authorities",
    rule: "chain/ca-as-leaf",
    ...nearMiss,
    write: renewal((stage) =>
      sound(stage, { extensions: { basicConstraints: null } }),
    ),
  },
  {
    name: "the issuer is no authority",
    rule: "chain/invalid-ca",
    ...refused,
    write: renewal(async ({ pki }) =>
      below([
        await pki.root.authority({
          extensions: { basicConstraints: "critical,CA:FALSE" },
        }),
      ]),
    ),
  },
  {
    name: "an intermediate may have no authority below it and has one",
    rule: "chain/invalid-ca",
    ...refused,
    write: renewal(async ({ pki }) => {
      const upper = await pki.root.authority({
        commonName: "Last Intermediate",
        extensions: { basicConstraints: "critical,CA:TRUE,pathlen:0" },
      });
      return below([upper, await upper.authority({})]);
    }),
  },
  {
    name: "an intermediate may have no authority below it and has none",
    rule: "chain/invalid-ca",
    ...nearMiss,
    write: renewal(async ({ pki }) =>
      below([
        await pki.root.authority({
          extensions: { basicConstraints: "critical,CA:TRUE,pathlen:0" },
        }),
      ]),
    ),
  },
  {
    name: "the issuer may only issue for other names",
    rule: "chain/name-constraints",
    ...refused,
    write: renewal(async ({ pki }) =>
      below([
        await pki.root.authority({
          extensions: { nameConstraints: "critical,permitted;DNS:b.test" },
        }),
      ]),
    ),
  },
  {
    name: "the issuer may issue for these names only",
    rule: "chain/name-constraints",
    ...nearMiss,
    write: renewal(async ({ pki }) =>
      below([
        await pki.root.authority({
          extensions: { nameConstraints: "critical,permitted;DNS:a.test" },
        }),
      ]),
    ),
  },
  {
    name: "a bit of the leaf's signature has changed",
    rule: "chain/bad-signature",
    ...refused,
    write: renewal(async (stage) => {
      const files = await sound(stage);
      const cert = forge(files.cert);
      return { ...files, cert, fullchain: cert + files.chain };
    }),
  },
  {
    name: "the intermediate's certificate was issued anew for the same key",
    rule: "chain/bad-signature",
    ...nearMiss,
    write: renewal(async (stage) => {
      const { key } = stage.pki.intermediate;
      const again = await stage.pki.root.authority({
        commonName: "Test Intermediate",
        key,
      });
      const { cert, privkey } = await sound(stage);
      const chain = again.certificate;
      return { cert, privkey, chain, fullchain: cert + chain };
    }),
  },
  {
    name: "the leaf has a critical extension that nobody knows",
    rule: "chain/critical-extension",
    ...refused,
    write: renewal((stage) =>
      sound(stage, {
        extensions: { "1.3.6.1.4.1.99999.1": "critical,ASN1:UTF8String:new" },
      }),
    ),
  },
  {
    name: "the leaf has an extension that nobody knows",
    rule: "chain/critical-extension",
    ...nearMiss,
    write: renewal((stage) =>
      sound(stage, {
        extensions: { "1.3.6.1.4.1.99999.1": "ASN1:UTF8String:new" },
      }),
    ),
  },
  {
    name: "the leaf is a proxy certificate",
    rule: "chain/invalid",
    ...refused,
    write: renewal((stage) =>
      sound(stage, {
        extensions: {
          subjectAltName: null,
          proxyCertInfo: "critical,language:id-ppl-anyLanguage,pathlen:0",
        },
      }),
    ),
  },
  {
    name: "the leaf has names in its SAN and none in its subject's CN",
    rule: "chain/invalid",
    ...nearMiss,
    write: renewal((stage) => sound(stage, { commonName: "No host name" })),
  },
  {
    name: "a foreign certificate follows the chain",
    rule: "chain/superfluous",
    ...warning,
    write: renewal(async (stage) => {
      const files = await sound(stage);
      const other = await stage.pki.anotherRoot();
      return { ...files, fullchain: files.fullchain + other.certificate };
    }),
  },
  {
    name: "two intermediates are both needed",
    rule: "chain/superfluous",
    ...nearMiss,
    write: renewal(async (stage) => below(await twoIntermediates(stage))),
  },
  {
    name: "the intermediate stands there twice",
    rule: "chain/duplicate",
    ...warning,
    write: altered("fullchain", (text, { chain }) => text + chain),
  },
  {
    name: "two intermediates have the same subject",
    rule: "chain/duplicate",
    ...nearMiss,
    write: renewal(async ({ pki }) => {
      const commonName = "Twice The Same";
      const upper = await pki.root.authority({ commonName });
      return below([upper, await upper.authority({ commonName })]);
    }),
  },
  {
    name: "the upper intermediate stands before the lower one",
    rule: "chain/out-of-order",
    ...warning,
    write: renewal(async (stage) => {
      const [upper, lower] = await twoIntermediates(stage);
      const files = await below([upper, lower]);
      const chain = upper.certificate + lower.certificate;
      return { ...files, chain, fullchain: files.cert + chain };
    }),
  },
  {
    name: "two intermediates stand in order",
    rule: "chain/out-of-order",
    ...nearMiss,
    write: renewal(async (stage) => below(await twoIntermediates(stage))),
  },
  {
    name: "the issuer is a staging authority",
    rule: "chain/staging",
    ...warning,
    write: renewal(async ({ pki }) =>
      below([
        await pki.root.authority({
          commonName: "(STAGING) Tenuous Tomato R13",
        }),
      ]),
    ),
  },
  {
    name: "a name of the certificate speaks of staging",
    rule: "chain/staging",
    ...nearMiss,
    write: renewal((stage) =>
      sound(stage, { names: [...names, "staging.a.test"] }),
    ),
  },
];
