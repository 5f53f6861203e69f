import {
  below,
  daysFromNow,
  fatal,
  nearMiss,
  refusedByClients,
  refusedByNginx,
  regression,
  renewal,
  sound,
  warning,
  names,
  deployed,
  harmless,
  type Scenario,
} from "./scenario.ts";

const refused = { ...regression, ...refusedByClients } as const;

const dates: readonly Scenario[] = [
  {
    name: "the new certificate has expired",
    rule: "dates/expired",
    ...refused,
    write: renewal((stage) =>
      sound(stage, { notBefore: daysFromNow(-91), notAfter: daysFromNow(-1) }),
    ),
  },
  {
    name: "the certificate lives for six days, of which one is over",
    rule: "dates/expired",
    ...nearMiss,
    write: renewal((stage) =>
      sound(stage, { notBefore: daysFromNow(-1), notAfter: daysFromNow(5) }),
    ),
  },
  {
    name: "the new certificate begins tomorrow",
    rule: "dates/not-yet-valid",
    ...refused,
    write: renewal((stage) => sound(stage, { notBefore: daysFromNow(1) })),
  },
  {
    name: "the new certificate began a minute ago",
    rule: "dates/not-yet-valid",
    ...nearMiss,
    write: renewal((stage) =>
      sound(stage, { notBefore: daysFromNow(-1 / 1440) }),
    ),
  },
  {
    name: "the intermediate has expired",
    rule: "dates/issuer-expired",
    ...refused,
    write: renewal(async ({ pki }) =>
      below([
        await pki.root.authority({
          notBefore: daysFromNow(-1000),
          notAfter: daysFromNow(-1),
        }),
      ]),
    ),
  },
  {
    name: "the intermediate begins tomorrow",
    rule: "dates/issuer-not-yet-valid",
    ...refused,
    write: renewal(async ({ pki }) =>
      below([await pki.root.authority({ notBefore: daysFromNow(1) })]),
    ),
  },
  {
    name: "the intermediate began a minute ago",
    rule: "dates/issuer-not-yet-valid",
    ...nearMiss,
    write: renewal(async ({ pki }) =>
      below([await pki.root.authority({ notBefore: daysFromNow(-1 / 1440) })]),
    ),
  },
  {
    name: "the intermediate ends before the leaf",
    rule: "dates/issuer-expired",
    ...nearMiss,
    write: renewal(async ({ pki }) =>
      below([await pki.root.authority({ notAfter: daysFromNow(80) })]),
    ),
  },
  {
    name: "the new certificate ends tomorrow after a life of 90 days",
    rule: "dates/expires-soon",
    ...warning,
    write: renewal((stage) =>
      sound(stage, { notBefore: daysFromNow(-89), notAfter: daysFromNow(1) }),
    ),
  },
  {
    name: "the new certificate lives for six days",
    rule: "dates/expires-soon",
    ...nearMiss,
    write: renewal((stage) => sound(stage, { notAfter: daysFromNow(6) })),
  },
];

const strength: readonly Scenario[] = [
  {
    name: "the leaf's RSA key has 1024 bits",
    rule: "strength/weak-key",
    ...fatal,
    ...refusedByNginx,
    write: renewal((stage) => sound(stage, { keyType: "rsa-1024" })),
  },
  {
    name: "the intermediate's RSA key has 1024 bits",
    rule: "strength/weak-key",
    ...fatal,
    ...refusedByNginx,
    write: renewal(async ({ pki }) =>
      below([await pki.root.authority({ keyType: "rsa-1024" })]),
    ),
  },
  {
    name: "the leaf's RSA key has 3072 bits",
    rule: "strength/weak-key",
    ...nearMiss,
    write: renewal((stage) => sound(stage, { keyType: "rsa-3072" })),
  },
  {
    name: "the leaf is signed with SHA-1",
    rule: "strength/weak-signature",
    ...fatal,
    ...refusedByNginx,
    write: renewal((stage) => sound(stage, { digest: "sha1" })),
  },
  {
    name: "the leaf is signed with SHA-384",
    rule: "strength/weak-signature",
    ...nearMiss,
    write: renewal((stage) => sound(stage, { digest: "sha384" })),
  },
];

const covered: readonly Scenario[] = [
  {
    name: "the new certificate has lost a name that is served",
    rule: "names/lost",
    ...regression,
    ...harmless,
    write: renewal((stage) => sound(stage, { names: [names[0]] })),
  },
  {
    name: "the new certificate has a wildcard in place of a name",
    rule: "names/lost",
    ...nearMiss,
    write: renewal((stage) => sound(stage, { names: [names[0], "*.a.test"] })),
  },
  {
    name: "the new certificate has lost a name that no server block has",
    rule: "names/lost",
    ...nearMiss,
    before: (stage) => sound(stage, { names: [...names, "old.a.test"] }),
    write: renewal(sound),
  },
  {
    name: "a server name was never covered",
    rule: "names/not-covered",
    ...warning,
    serverNames: [...names, "shop.a.test"],
    write: renewal(sound),
  },
  {
    name: "all server names are covered, one by a wildcard",
    rule: "names/not-covered",
    severity: null,
    ...deployed,
    ...harmless,
    serverNames: [...names, "shop.a.test"],
    before: (stage) => sound(stage, { names: [...names, "*.a.test"] }),
    write: renewal((stage) => sound(stage, { names: [...names, "*.a.test"] })),
  },
];

export const leaf: readonly Scenario[] = [...dates, ...strength, ...covered];
