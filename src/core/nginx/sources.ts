import { isInline } from "./certificates.ts";
import type {
  CertificatePair,
  CertificateSource,
  NginxModel,
  ServerBlock,
} from "./model.ts";

/**
 * Each distinct pair that Nginx loads to serve with, in the order of the configuration; those that it only ever reads at a
 * handshake are marked: where one block loads a pair at the start, only such blocks count. Left out is a certificate that is no file, and a pair with a name that cannot be told (`isLegible`); a key that is
 * none (`engine:`, `store:`, `data:`) is null.
 */
export function certificateSources(
  model: NginxModel,
): readonly CertificateSource[] {
  const users = new Map<
    string,
    { readonly pair: CertificatePair; readonly servers: Set<string> }
  >();
  for (const server of model.servers) {
    for (const pair of filePairs(server)) {
      const id = sourceId(pair);
      const known = users.get(id);
      if (known !== undefined && pair.dynamic && !known.pair.dynamic) continue;
      const isAlike = known?.pair.dynamic === pair.dynamic;
      const user = isAlike ? known : { pair, servers: new Set<string>() };
      user.servers.add(server.id);
      users.set(id, user);
    }
  }
  return Array.from(users, ([id, { pair, servers }]) => ({
    id,
    certificate: pair.certificate,
    key: pair.key,
    passwordFile: pair.passwordFile,
    dynamic: pair.dynamic,
    servers: [...servers],
    file: pair.file,
    line: pair.line,
  }));
}

/** The block's pairs whose certificate is a file, keys that are none as null. */
function filePairs({ pairs }: ServerBlock): readonly CertificatePair[] {
  return pairs
    .filter(
      ({ certificate, key }) =>
        !isInline(certificate) && isLegible(certificate) && isLegible(key),
    )
    .map((pair) =>
      pair.key !== null && isInline(pair.key) ? { ...pair, key: null } : pair,
    );
}

/** False for a name that is not UTF-8: Nginx loads it, but under the name that is left of it there is no file. */
export function isLegible(path: string | null): boolean {
  return path?.includes("\ufffd") !== true;
}

function sourceId({
  certificate,
  key,
}: Pick<CertificatePair, "certificate" | "key">): string {
  return key === null ? certificate : `${certificate} ${key}`;
}
