import type { UseReport } from "../report/document.ts";
import type {
  CertificateReference,
  Listener,
  NginxModel,
  ServerBlock,
} from "./model.ts";
import { serverById } from "./selection.ts";

/**
 * Which server blocks and listeners use which certificate files, one entry for each reference, in the model's order.
 *
 * @param lineageOf the name of the lineage that a path belongs to, or null
 */
export function usesOf(
  model: NginxModel,
  lineageOf: (path: string) => string | null,
): Omit<UseReport, "target">[] {
  return model.references.map((reference) => {
    const servers = reference.servers.flatMap(
      (id) => serverById(model, id) ?? [],
    );
    const { certificate, key, file, line, context, directive, dynamic } =
      reference;
    return {
      certificate,
      key,
      file,
      line,
      context,
      directive,
      serverNames: [
        ...new Set(servers.flatMap((server) => server.serverNames)),
      ],
      listeners: listenersOf(servers),
      lineage: namesOneFile(reference) ? lineageOf(certificate) : null,
      dynamic,
    };
  });
}

function namesOneFile({ certificate, dynamic }: CertificateReference): boolean {
  return certificate.startsWith("/") && !(dynamic && certificate.includes("$"));
}

/** Each address once; `default` where one of the servers is the address's default server. */
function listenersOf(servers: readonly ServerBlock[]): UseReport["listeners"] {
  const merged = new Map<string, UseReport["listeners"][number]>();
  for (const listener of servers.flatMap((server) => server.listeners)) {
    const key = `${listener.quic ? "quic" : "tcp"} ${listener.address}`;
    const known = merged.get(key);
    merged.set(key, reportOf(listener, known?.default ?? false));
  }
  return [...merged.values()];
}

function reportOf(
  { address, ssl, quic, proxyProtocol, default: isDefault }: Listener,
  isDefaultElsewhere: boolean,
): UseReport["listeners"][number] {
  const isDefaultHere = isDefault || isDefaultElsewhere;
  return { address, ssl, quic, proxyProtocol, default: isDefaultHere };
}
