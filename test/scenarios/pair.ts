import { createKey, encryptKey, traditionalKey } from "../support/pki.ts";
import {
  altered,
  below,
  deployed,
  fatal,
  harmless,
  nearMiss,
  refusedByNginx,
  renewal,
  silentlyDeadly,
  sound,
  type Scenario,
} from "./scenario.ts";

export const pair: readonly Scenario[] = [
  {
    name: "the private key is that of another certificate of the same type",
    rule: "pair/key-mismatch",
    ...fatal,
    ...refusedByNginx,
    write: renewal(async (stage) => ({
      ...(await sound(stage)),
      privkey: await createKey("ec-p256"),
    })),
  },
  {
    name: "the private key is SEC1 with its parameters before it",
    rule: "pair/key-mismatch",
    ...nearMiss,
    write: renewal(async (stage) => {
      const files = await sound(stage);
      return { ...files, privkey: await traditionalKey(files.privkey) };
    }),
  },
  {
    name: "an EC key stands beside an RSA certificate",
    rule: "pair/key-type-mismatch",
    ...fatal,
    ...silentlyDeadly,
    write: renewal(async (stage) => ({
      ...(await sound(stage, { keyType: "rsa-2048" })),
      privkey: await createKey("ec-p256"),
    })),
  },
  {
    name: "an RSA key stands beside an EC certificate",
    rule: "pair/key-type-mismatch",
    ...fatal,
    ...silentlyDeadly,
    write: renewal(async (stage) => ({
      ...(await sound(stage)),
      privkey: await createKey("rsa-2048"),
    })),
  },
  {
    name: "the key's type changes from EC to RSA, for certificate and key",
    rule: "pair/key-type-mismatch",
    ...nearMiss,
    write: renewal((stage) => sound(stage, { keyType: "rsa-2048" })),
  },
  {
    name: "an intermediate of the same key type stands before the leaf",
    rule: "pair/leaf-not-first",
    ...fatal,
    ...refusedByNginx,
    write: altered("fullchain", (_, { cert, chain }) => chain + cert),
  },
  {
    name: "an intermediate of another key type stands before the leaf",
    rule: "pair/leaf-not-first",
    ...fatal,
    ...silentlyDeadly,
    write: renewal(async ({ pki }) => {
      const intermediate = await pki.root.authority({ keyType: "rsa-2048" });
      const files = await below([intermediate]);
      return { ...files, fullchain: files.chain + files.cert };
    }),
  },
  {
    name: "the intermediate has another key type and stands after the leaf",
    rule: "pair/leaf-not-first",
    ...nearMiss,
    write: renewal(async ({ pki }) =>
      below([await pki.root.authority({ keyType: "rsa-2048" })]),
    ),
  },
  {
    name: "the private key is encrypted and there is no password file",
    rule: "pair/key-encrypted",
    ...fatal,
    ...refusedByNginx,
    write: renewal(async (stage) => {
      const files = await sound(stage);
      return { ...files, privkey: await encryptKey(files.privkey, "secret") };
    }),
  },
  {
    name: "the private key has text around it that speaks of encryption",
    rule: "pair/key-encrypted",
    severity: null,
    ...deployed,
    ...harmless,
    write: altered("privkey", (text) => `Proc-Type: 4,ENCRYPTED\n\n${text}`),
  },
  {
    name: "the leaf's key lies on a curve that no client offers",
    rule: "pair/unusable",
    ...fatal,
    ...silentlyDeadly,
    write: renewal((stage) => sound(stage, { keyType: "ec-secp256k1" })),
  },
  {
    name: "the leaf's key is RSA-PSS",
    rule: "pair/unusable",
    ...nearMiss,
    write: renewal((stage) => sound(stage, { keyType: "rsa-pss-2048" })),
  },
];
