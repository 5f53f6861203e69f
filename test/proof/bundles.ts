/**
 * Certificate files by chance: a sound chain of one to four certificates below a root, and then one thing changed, or in a
 * quarter of them two. The same seed gives the same changes; keys are new each time.
 */
import { generateKeyPairSync } from "node:crypto";
import {
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  extendedKeyUsage,
  keyUsage,
  mint,
  nameConstraints,
  policyConstraints,
  subjectAltName,
  subjectKeyIdentifier,
  unknownExtension,
  withBrokenSignature,
  type Digest,
  type KeyPair,
} from "../support/mint.ts";
import type { Chance } from "../support/random.ts";

export interface GeneratedBundle {
  readonly changes: readonly string[];
  /** The file. */
  readonly pem: readonly string[];
  /** The name that a client asks for. */
  readonly name: string;
}

/** What is trusted, with everything needed to make bundles below it. */
export class World {
  readonly keys: readonly KeyPair[] = Array.from({ length: 8 }, () =>
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
  );
  readonly rsa: KeyPair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  readonly weak: KeyPair = generateKeyPairSync("rsa", { modulusLength: 1024 });
  readonly now: Date;
  readonly #roots: Readonly<Record<RootName, Root>>;

  constructor(now: Date) {
    this.now = now;
    const root = (subject: string, change: Partial<Link> = {}): Root => {
      const key = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const link = { ...authority(subject, key, now), ...change };
      return { link, pem: signed(link, link) };
    };
    this.#roots = {
      trusted: root("Trusted Root"),
      expired: root("Expired Root", { notAfter: daysFrom(now, -3) }),
      short: root("Short Root", { pathLength: 0 }),
      weak: root("Weak Root", { key: this.weak }),
      strange: root("Strange Root"),
    };
  }

  /** PEM: all but the strange one. */
  get trustedRoots(): string {
    return Object.entries(this.#roots)
      .filter(([name]) => name !== "strange")
      .map(([, { pem }]) => pem)
      .join("");
  }

  root(name: RootName): Root {
    return this.#roots[name];
  }
}

type RootName = "trusted" | "expired" | "short" | "weak" | "strange";

interface Root {
  readonly link: Link;
  readonly pem: string;
}

/** One certificate before it is signed. */
interface Link {
  subject: string;
  key: KeyPair;
  notBefore: Date;
  notAfter: Date;
  isCa: boolean | null;
  pathLength: number | null;
  usages: readonly number[] | null;
  purposes: readonly Purpose[] | null;
  names: readonly string[];
  constraints: Parameters<typeof nameConstraints>[0] | null;
  unknown: "critical" | "harmless" | null;
  policies: "required" | "named" | null;
  identifiers: "both" | "none" | "wrong";
  /** In the issuer's place, where it lies. */
  issuerName: string | null;
  signer: KeyPair | null;
  digest: Digest;
  isBroken: boolean;
}

type Purpose = "serverAuth" | "clientAuth" | "codeSigning" | "any";

/** A bundle before anything is signed; leaf first. */
interface Plan {
  readonly world: World;
  readonly chance: Chance;
  links: Link[];
  root: RootName;
  asked: string;
  /** What becomes of the certificates (PEM, leaf first, without the root). */
  arrange: (certificates: readonly string[]) => readonly string[];
}

export function generateBundle(world: World, chance: Chance): GeneratedBundle {
  const plan: Plan = {
    world,
    chance,
    links: soundLinks(world, chance),
    root: "trusted",
    asked: "www.a.test",
    arrange: (certificates) => certificates,
  };
  const names = Array.from({ length: chance.below(4) === 0 ? 2 : 1 }, () =>
    chance.oneOf(Object.keys(changes)),
  );
  for (const name of names) changes[name]?.(plan);
  return {
    changes: names,
    pem: plan.arrange(signAll(plan.links, world.root(plan.root))),
    name: plan.asked,
  };
}

function soundLinks(world: World, chance: Chance): Link[] {
  const { keys, now } = world;
  const key = (index: number): KeyPair => keys[index] ?? world.rsa;
  const authorities = Array.from({ length: chance.below(4) }, (_, index) =>
    authority(`Authority ${index + 1}`, key(index + 1), now),
  );
  return [
    {
      ...authority("www.a.test", chance.oneOf([key(0), world.rsa]), now),
      notAfter: daysFrom(now, 60),
      isCa: false,
      usages: [0],
      purposes: ["serverAuth"],
      names: ["www.a.test", "a.test"],
    },
    ...authorities,
  ];
}

function authority(subject: string, key: KeyPair, now: Date): Link {
  return {
    subject,
    key,
    notBefore: daysFrom(now, -30),
    notAfter: daysFrom(now, 900),
    isCa: true,
    pathLength: null,
    usages: [5, 6],
    purposes: null,
    names: [],
    constraints: null,
    unknown: null,
    policies: null,
    identifiers: "both",
    issuerName: null,
    signer: null,
    digest: "sha256",
    isBroken: false,
  };
}

function signAll(links: readonly Link[], root: Root): readonly string[] {
  return links.map((link, index) =>
    signed(link, links[index + 1] ?? root.link),
  );
}

function signed(link: Link, issuer: Link): string {
  const signer = link.signer ?? issuer.key;
  const { subject, key, notBefore, notAfter, digest } = link;
  const pem = mint({
    ...{ subject, key, signer, notBefore, notAfter },
    issuer: link.issuerName ?? issuer.subject,
    // OpenSSL signs nothing with MD5 by an EC key.
    digest:
      digest === "md5" && signer.privateKey.asymmetricKeyType === "ec"
        ? "sha1"
        : digest,
    extensions: extensionsOf(link, issuer),
  });
  return link.isBroken ? withBrokenSignature(pem) : pem;
}

function extensionsOf(link: Link, issuer: Link) {
  const { isCa, pathLength, usages, purposes, names, constraints } = link;
  return [
    ...(isCa === null ? [] : [basicConstraints(isCa, pathLength ?? undefined)]),
    ...(usages === null ? [] : [keyUsage(...usages)]),
    ...(purposes === null ? [] : [extendedKeyUsage(...purposes)]),
    ...(names.length === 0 ? [] : [subjectAltName(names)]),
    ...(constraints === null ? [] : [nameConstraints(constraints)]),
    ...(link.unknown === null
      ? []
      : [unknownExtension(link.unknown === "critical")]),
    ...(link.policies === "required" ? [policyConstraints()] : []),
    ...(link.policies === "named" ? [certificatePolicies()] : []),
    ...(link.identifiers === "none"
      ? []
      : [
          subjectKeyIdentifier(link.key),
          authorityKeyIdentifier(
            link.identifiers === "wrong" ? link.key : issuer.key,
          ),
        ]),
  ];
}

function daysFrom(now: Date, days: number): Date {
  return new Date(now.getTime() + days * 86_400_000);
}

const leafOf = ({ links }: Plan): Link => links[0] as Link;
const anyLink = ({ links, chance }: Plan): Link => chance.oneOf(links);

/** One is added where there is none. */
function anyAuthority(plan: Plan): Link {
  ensureAuthorities(plan, 1);
  return plan.chance.oneOf(plan.links.slice(1));
}

function ensureAuthorities(plan: Plan, count: number): void {
  const { links, world } = plan;
  while (links.length <= count)
    links.push(
      authority(
        `Further Authority ${links.length}`,
        world.keys[4 + links.length] ?? world.rsa,
        world.now,
      ),
    );
}

/** A certificate of an authority or of a server that has nothing to do with the others. */
function unrelated({ world, chance }: Plan): string {
  const { link: root } = world.root("strange");
  const other = authority("Unrelated", world.rsa, world.now);
  return chance.below(2) === 0
    ? signed(other, root)
    : signed({ ...other, isCa: false, names: ["other.test"] }, root);
}

function inserted(
  list: readonly string[],
  place: number,
  one: string,
): readonly string[] {
  return [...list.slice(0, place), one, ...list.slice(place)];
}

/** Anywhere but before the leaf. */
const somewhereBehind = ({ chance }: Plan, list: readonly string[]): number =>
  1 + chance.below(list.length);

const changes: Readonly<Record<string, (plan: Plan) => void>> = {
  nothing: () => undefined,
  "a certificate has expired": (plan) => {
    anyLink(plan).notAfter = daysFrom(plan.world.now, -1);
  },
  "a certificate is not valid yet": (plan) => {
    anyLink(plan).notBefore = daysFrom(plan.world.now, 1);
  },
  "an authority has expired": (plan) => {
    anyAuthority(plan).notAfter = daysFrom(plan.world.now, -1);
  },
  "the root has expired": (plan) => {
    plan.root = "expired";
  },
  "the root is nobody's": (plan) => {
    plan.root = "strange";
  },
  "the root is weak": (plan) => {
    plan.root = "weak";
  },
  "the root allows no authority below it": (plan) => {
    plan.root = "short";
  },
  "another key has signed": (plan) => {
    anyLink(plan).signer = plan.world.keys[7] as KeyPair;
  },
  "another issuer is named": (plan) => {
    anyLink(plan).issuerName = "Somebody Else";
  },
  "a signature is broken": (plan) => {
    anyLink(plan).isBroken = true;
  },
  "a key identifier is wrong": (plan) => {
    anyLink(plan).identifiers = "wrong";
  },
  "no key identifiers": (plan) => {
    for (const link of plan.links) link.identifiers = "none";
  },
  "an authority is missing": (plan) => {
    ensureAuthorities(plan, 1);
    plan.arrange = (all) =>
      all.toSpliced(somewhereBehind(plan, all.slice(1)), 1);
  },
  "only the leaf": (plan) => {
    plan.arrange = (all) => all.slice(0, 1);
  },
  "authorities in another order": (plan) => {
    ensureAuthorities(plan, 2);
    plan.arrange = ([leaf = "", ...others]) => [leaf, ...others.toReversed()];
  },
  "the leaf is not first": (plan) => {
    ensureAuthorities(plan, 1);
    plan.arrange = (all) => all.toReversed();
  },
  "a certificate twice": (plan) => {
    plan.arrange = (all) =>
      inserted(all, somewhereBehind(plan, all), plan.chance.oneOf(all));
  },
  "an unrelated certificate": (plan) => {
    plan.arrange = (all) =>
      inserted(all, somewhereBehind(plan, all), unrelated(plan));
  },
  "the root as well": (plan) => {
    plan.arrange = (all) => [...all, plan.world.root(plan.root).pem];
  },
  "a strange root as well": (plan) => {
    plan.root = "strange";
    plan.arrange = (all) => [...all, plan.world.root("strange").pem];
  },
  "an authority that a strange root has signed too": (plan) => {
    crossSigned(plan, "strange");
  },
  "an authority that an expired root has signed too": (plan) => {
    crossSigned(plan, "expired");
  },
  "an authority that another trusted root has signed too": (plan) => {
    crossSigned(plan, plan.chance.oneOf(["short", "weak"]));
  },
  "an older certificate of an authority, which has expired": (plan) => {
    const older = anyAuthority(plan);
    const issuer = plan.links[plan.links.indexOf(older) + 1];
    const expired = { ...older, notAfter: daysFrom(plan.world.now, -1) };
    const pem = signed(expired, issuer ?? plan.world.root(plan.root).link);
    plan.arrange = (all) => inserted(all, somewhereBehind(plan, all), pem);
  },
  "policies are required": (plan) => {
    anyAuthority(plan).policies = "required";
    if (plan.chance.below(2) === 0) leafOf(plan).policies = "named";
  },
  "addresses are constrained": (plan) => {
    const subtree = plan.chance.oneOf(["192.0.2.0/24", "198.51.100.0/24"]);
    anyAuthority(plan).constraints = plan.chance.oneOf([
      { permitted: [subtree] },
      { excluded: [subtree] },
    ]);
    leafOf(plan).names = ["www.a.test", "192.0.2.1"];
  },
  "a path length": (plan) => {
    anyAuthority(plan).pathLength = plan.chance.below(3);
  },
  "a path length and authorities below": (plan) => {
    ensureAuthorities(plan, 2);
    const last = plan.links.at(-1);
    if (last !== undefined) last.pathLength = 0;
  },
  "names are permitted": (plan) => {
    const names = ["a.test", "www.a.test", "b.test", ".a.test", "test"];
    anyAuthority(plan).constraints = { permitted: [plan.chance.oneOf(names)] };
  },
  "names are excluded": (plan) => {
    const names = ["a.test", "www.a.test", "b.test", "x.www.a.test"];
    anyAuthority(plan).constraints = { excluded: [plan.chance.oneOf(names)] };
  },
  "purposes of the leaf": (plan) => {
    leafOf(plan).purposes = plan.chance.oneOf<readonly Purpose[] | null>([
      ["clientAuth"],
      ["codeSigning"],
      ["any"],
      ["clientAuth", "serverAuth"],
      null,
    ]);
  },
  "purposes of an authority": (plan) => {
    anyAuthority(plan).purposes = plan.chance.oneOf<readonly Purpose[]>([
      ["clientAuth"],
      ["serverAuth"],
      ["any"],
      ["codeSigning", "clientAuth"],
    ]);
  },
  "usages of the leaf": (plan) => {
    leafOf(plan).usages = plan.chance.oneOf<readonly number[] | null>([
      [2],
      [5],
      [6],
      [1],
      [3],
      [0, 2],
      null,
    ]);
  },
  "usages of an authority": (plan) => {
    anyAuthority(plan).usages = plan.chance.oneOf<readonly number[] | null>([
      [0],
      [6],
      [5],
      null,
    ]);
  },
  "an authority that is none": (plan) => {
    anyAuthority(plan).isCa = plan.chance.oneOf([false, null]);
  },
  "the leaf is an authority": (plan) => {
    leafOf(plan).isCa = plan.chance.oneOf([true, null]);
  },
  "a weak key": (plan) => {
    anyLink(plan).key = plan.world.weak;
  },
  "a weak signature": (plan) => {
    anyLink(plan).digest = "sha1";
  },
  "a broken digest": (plan) => {
    ensureAuthorities(plan, 1);
    const [leaf, issuer] = plan.links;
    if (leaf === undefined || issuer === undefined) return;
    issuer.key = plan.world.rsa;
    leaf.key = plan.world.keys[0] as KeyPair;
    leaf.digest = "md5";
  },
  "an extension that nobody knows": (plan) => {
    anyLink(plan).unknown = plan.chance.oneOf(["critical", "harmless"]);
  },
  "the leaf has signed itself": (plan) => {
    const leaf = leafOf(plan);
    leaf.signer = leaf.key;
    leaf.issuerName = leaf.subject;
    plan.links = [leaf];
  },
  "another name is asked for": (plan) => {
    plan.asked = plan.chance.oneOf([
      "b.test",
      "x.www.a.test",
      "test",
      "WWW.A.TEST",
      "a.test",
    ]);
  },
  wildcards: (plan) => {
    leafOf(plan).names = [
      plan.chance.oneOf([
        "*.a.test",
        "*.test",
        "w*.a.test",
        "*.www.a.test",
        "www.*.test",
        "*",
      ]),
    ];
  },
  "only a common name": (plan) => {
    const leaf = leafOf(plan);
    leaf.names = [];
    leaf.subject = plan.chance.oneOf(["www.a.test", "*.a.test", "b.test"]);
  },
  "a common name beside other names": (plan) => {
    leafOf(plan).names = ["b.test"];
  },
  "an address": (plan) => {
    leafOf(plan).names = plan.chance.oneOf([
      ["192.0.2.1"],
      ["b.test"],
      ["192.0.2.2"],
    ]);
    plan.asked = "192.0.2.1";
  },
};

/** The last authority, once below the trusted root and once below another one; either may come first. */
function crossSigned(plan: Plan, by: RootName): void {
  ensureAuthorities(plan, 1);
  const top = plan.links.at(-1) as Link;
  const place = plan.chance.below(2);
  plan.arrange = (all) =>
    inserted(
      all,
      Math.max(1, all.length - place),
      signed(top, plan.world.root(by).link),
    );
}
