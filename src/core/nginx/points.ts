import type { KeyAlgorithm } from "../certificate/certificate.ts";
import type {
  CertificatePair,
  CertificateSource,
  NginxModel,
  ProbePoint,
  ServerBlock,
  UnprobeablePoint,
} from "./model.ts";
import { canBeSent } from "./names.ts";
import {
  inventedLabel,
  isServedByPattern,
  isServing,
  leadsHere,
  namesServedAt,
  serverNames,
  type Place,
} from "./places.ts";
import { reach } from "./reach.ts";
import { serverById } from "./selection.ts";

/** What probe points depend on besides the configuration. */
export interface ProbeContext {
  /** Whether the certificate on disk is valid for a name. */
  covers(name: string): boolean;
  /** Of the certificate on disk, as in `Certificate.subjectAltNames`: what is asked for where only a pattern is known. */
  readonly subjectAltNames: readonly string[];
  readonly keyAlgorithm: KeyAlgorithm;
  /** Whether the certificate of that path has a key of the same type, for which OpenSSL's server has one slot. */
  hasSameSlot(certificate: string): boolean;
  /** Of the target's network namespace, without brackets; empty where they are not known. */
  readonly localAddresses: readonly string[];
}

export interface ProbePlan {
  readonly points: ProbePoint[];
  readonly unprobeable: UnprobeablePoint[];
  /**
   * Every name for which Nginx hands out this source, in lower case: `x`, `*.x`; an IP address where the block is a
   * default server. Regular expressions and `x.*` stand for no name in particular and are left out.
   */
  readonly serverNames: string[];
  /**
   * Whether a block hands this source out for a name that it does not spell out: it has a pattern, or no name at all. `*.x`
   * stands for any below `x`.
   */
  isServedByPattern(name: string): boolean;
}

/**
 * Where a client must be handed the source: one point for each server block and TLS listener. The SNI is the block's
 * first name that Nginx's selection leads to it at that address and that the certificate covers; without one, no SNI
 * for the default server. Blocks that refuse handshakes on purpose hand out nothing and are passed over.
 */
export function probePoints(
  model: NginxModel,
  source: CertificateSource,
  context: ProbeContext,
): ProbePlan {
  const places = source.servers
    .flatMap((id) => serverById(model, id) ?? [])
    .filter((server) => !server.rejectsHandshake)
    .flatMap((server) =>
      server.listeners.map((listener) => ({ model, server, listener })),
    );
  const views = places.map((place) => ({
    place,
    view: viewOf(place, source, context),
  }));
  const names = places.filter(isServing).flatMap(namesServedAt);
  return {
    points: views.flatMap(({ place, view }) =>
      view.kind === "visible" ? [pointOf(place, source, view.look)] : [],
    ),
    unprobeable: views.flatMap(({ place, view }) =>
      view.kind === "hidden" ? [unprobeable(place, source, view)] : [],
    ),
    serverNames: [...new Set(names)],
    isServedByPattern: (name) =>
      places.some(
        (place) => isServing(place) && isServedByPattern(place, name),
      ),
  };
}

/** How a client on this machine meets a place. */
interface Look {
  readonly address: string;
  readonly servername: string | null;
  readonly keyAlgorithm: KeyAlgorithm | null;
}

/** What a client on this machine can see of a source at a place. */
type View =
  | {
      readonly kind: "visible";
      readonly look: Look;
    }
  | {
      readonly kind: "hidden";
      readonly reason: string;
      readonly look: Look | null;
    }
  /** The source is not handed out here, or the same block hands it out over TCP as well. */
  | { readonly kind: "nothing" };

type Hidden = Extract<View, { kind: "hidden" }>;

function viewOf(
  place: Place,
  source: CertificateSource,
  context: ProbeContext,
): View {
  const { model, server, listener } = place;
  if (!listener.ssl) {
    return viewWithoutTls(place);
  }
  if (source.dynamic) {
    const reason =
      "the path holds a variable: Nginx reads the file at each handshake";
    return { kind: "hidden", reason, look: null };
  }
  const successor = successorOf(server, source, context);
  if (successor !== undefined) {
    const reason = `replaced in this block by ${successor.certificate} (${successor.file}:${String(successor.line)}), a later certificate with the same type of key: remove one of them, or renew one with the other type`;
    return { kind: "hidden", reason, look: null };
  }
  const reached = reach(model, listener, context.localAddresses);
  if (reached.kind === "unreachable") {
    return { kind: "hidden", reason: reached.reason, look: null };
  }
  const { address } = reached;
  const keyAlgorithm = server.pairs.length > 1 ? context.keyAlgorithm : null;
  const sni = chooseSni(place, context);
  if (sni.kind === "sni") {
    const { servername } = sni;
    return { kind: "visible", look: { address, servername, keyAlgorithm } };
  }
  const [servername] = sni.leading;
  return {
    kind: "hidden",
    reason: sni.reason,
    look:
      servername === undefined ? null : { address, servername, keyAlgorithm },
  };
}

/**
 * Of several certificates with one type of key a block keeps the last, without a word.
 * Source: SSL_CTX_use_certificate(3), which ngx_ssl_certificates() calls for each.
 */
function successorOf(
  { pairs }: ServerBlock,
  { certificate, key }: CertificateSource,
  context: ProbeContext,
): CertificatePair | undefined {
  if (pairs.length < 2) return undefined;
  const own = pairs.findLastIndex(
    (pair) =>
      pair.certificate === certificate && (key === null || pair.key === key),
  );
  return pairs
    .slice(own + 1)
    .find((pair) => !pair.inline && context.hasSameSlot(pair.certificate));
}

function pointOf(
  { server, listener }: Place,
  source: CertificateSource,
  { address, servername, keyAlgorithm }: Look,
): ProbePoint {
  return {
    id: [address, servername ?? "-", keyAlgorithm ?? "any"].join(" "),
    sourceId: source.id,
    serverId: server.id,
    listener: listener.address,
    address,
    servername,
    proxyProtocol: listener.proxyProtocol,
    keyAlgorithm,
    doubt: server.certificateByLua ? chosenByLua : null,
  };
}

const chosenByLua =
  "a script chooses the certificate at each handshake here (ssl_certificate_by_lua), so another one need not be wrong";

function unprobeable(
  place: Place,
  source: CertificateSource,
  { reason, look }: Hidden,
): UnprobeablePoint {
  const { server, listener } = place;
  return {
    sourceId: source.id,
    serverId: server.id,
    listener: listener.address,
    servername: server.serverNames[0] ?? null,
    reason,
    look: look === null ? null : pointOf(place, source, look),
  };
}

function viewWithoutTls({ server, listener }: Place): View {
  if (listener.quic) {
    const hasTwin = server.listeners.some(
      ({ address, ssl }) => ssl && address === listener.address,
    );
    return hasTwin
      ? { kind: "nothing" }
      : {
          kind: "hidden",
          reason: "QUIC is served here, which cannot be probed",
          look: null,
        };
  }
  return server.startTls
    ? {
        kind: "hidden",
        reason: "TLS begins only after STARTTLS here",
        look: null,
      }
    : { kind: "nothing" };
}

type Sni =
  | { readonly kind: "sni"; readonly servername: string | null }
  | {
      readonly kind: "none";
      readonly reason: string;
      /** Names that lead here and that the certificate does not cover. */
      readonly leading: readonly string[];
    };

function chooseSni(place: Place, context: ProbeContext): Sni {
  const leading = candidates(place, context).filter((name) =>
    leadsHere(place, name),
  );
  const covered = leading.find((name) => context.covers(name));
  if (covered !== undefined) {
    return { kind: "sni", servername: covered };
  }
  if (leadsHere(place, null)) {
    return { kind: "sni", servername: null };
  }
  const reason =
    leading.length > 0
      ? "the certificate covers no name that leads to this server block"
      : "no name leads to this server block at this address";
  return { kind: "none", reason, leading };
}

/** What can be sent to reach the block, in the order of its names. */
function candidates(
  { model, server }: Place,
  { subjectAltNames }: ProbeContext,
): readonly string[] {
  return serverNames(server, model.hostname)
    .flatMap((name) => {
      switch (name.kind) {
        case "exact":
          return [name.name];
        case "leading": {
          const invented = `${inventedLabel}.${name.suffix}`;
          return name.bare ? [name.suffix, invented] : [invented];
        }
        case "trailing":
        case "regex":
          return certifiedNames(subjectAltNames);
      }
    })
    .filter(canBeSent);
}

function certifiedNames(subjectAltNames: readonly string[]): readonly string[] {
  return subjectAltNames
    .filter((name) => name.startsWith("DNS:"))
    .map((name) => name.slice("DNS:".length).toLowerCase())
    .map((name) => name.replace(/^\*\./, `${inventedLabel}.`));
}
