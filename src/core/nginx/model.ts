import type { KeyAlgorithm } from "../certificate/certificate.ts";

/**
 * What livecert knows of an Nginx configuration: read from the output of `nginx -T`, hence of the files on disk, which
 * need not be what Nginx runs. Plain records; they are also what the state keeps of the last good dump, so nothing here
 * may hold key material (`data:` values are replaced before a record is made).
 */
export type NginxContext = "http" | "stream" | "mail";

export interface Listener {
  /** As Nginx binds it: `0.0.0.0:443`, `[::]:443`, `192.0.2.1:8443`, `unix:/run/x.sock`; a host name stays as written. */
  readonly address: string;
  readonly ssl: boolean;
  readonly quic: boolean;
  readonly proxyProtocol: boolean;
  /** This server block is the default server of the address (explicitly, or as the first one). */
  readonly default: boolean;
  /** `ipv6only=off` was given, so `[::]` also answers IPv4. */
  readonly dualStack: boolean;
}

/** The n-th `ssl_certificate` of a block with the n-th `ssl_certificate_key` of the same block. */
export interface CertificatePair {
  /** Absolute path, or the words as written when `dynamic` or `inline`. */
  readonly certificate: string;
  readonly key: string | null;
  readonly passwordFile: string | null;
  /** Of the `ssl_certificate` directive. */
  readonly file: string;
  readonly line: number;
  /** A variable in the path or the key's: read at each handshake, no reload needed. */
  readonly dynamic: boolean;
  /** `data:`, `engine:` or `store:` in one of the two: no file to read. */
  readonly inline: boolean;
}

export interface ServerBlock {
  /** Unique within the model and stable for unchanged files: `FILE:LINE`, with `#N` where an include is read twice. */
  readonly id: string;
  readonly context: NginxContext;
  readonly file: string;
  readonly line: number;
  /** As written; regular expressions keep their `~`. In mail the one name of the greeting, which selects nothing. */
  readonly serverNames: readonly string[];
  /** Of TCP, unix sockets and QUIC. `ssl`, `proxyProtocol` and `dualStack` are the address's, whichever block says so. */
  readonly listeners: readonly Listener[];
  /** The effective pairs, inherited ones included; empty without any. */
  readonly pairs: readonly CertificatePair[];
  /** `ssl_reject_handshake on`: refuses on purpose. */
  readonly rejectsHandshake: boolean;
  /** `ssl_preread on` in stream: passes TLS through, serves no certificate of its own. */
  readonly passesThrough: boolean;
  /** STARTTLS in mail: TLS begins after a greeting, so a plain handshake cannot be made. */
  readonly startTls: boolean;
  /** `ssl_certificate_by_lua_…`: a script may hand out any other certificate (lua-nginx-module). */
  readonly certificateByLua: boolean;
  /** The effective `ssl_ciphers` as written, or null. */
  readonly ciphers: string | null;
}

/** Any directive that names a certificate file, for `livecert uses` and for what a reload would load. */
export interface CertificateReference {
  readonly directive: string;
  readonly certificate: string;
  readonly key: string | null;
  readonly file: string;
  readonly line: number;
  readonly context: NginxContext;
  /** Ids of the server blocks that are subject to it by Nginx's inheritance. */
  readonly servers: readonly string[];
  readonly dynamic: boolean;
  readonly inline: boolean;
}

export interface NginxModel {
  /** Every file of the dump in its order; the first is the main configuration file. */
  readonly files: readonly string[];
  /** What `$hostname` means in a `server_name`. */
  readonly hostname: string;
  /** In the order of the configuration: what Nginx takes for the first server of an address. */
  readonly servers: readonly ServerBlock[];
  readonly references: readonly CertificateReference[];
  /** `pid` as resolved against the prefix, null when not given. */
  readonly pidFile: string | null;
  /** Files of the main context's `error_log` directives, resolved; none for stderr, syslog and memory. */
  readonly errorLogs: readonly string[];
  /**
   * How many pairs a reload loads: one for each server block and pair, since Nginx before 1.27.2 reads a file anew for
   * every block. The measure of how long it may take.
   */
  readonly certificateCount: number;
  /** False where `ssl_object_cache_inheritable off` was given (Nginx ≥ 1.27.4 has it on). */
  readonly objectCacheInheritable: boolean;
  /** False where `master_process off` was given: there are no workers. */
  readonly masterProcess: boolean;
  /** What was not understood, with file and line, the first hundred; messages never quote the configuration. */
  readonly problems: readonly {
    readonly file: string;
    readonly line: number;
    readonly message: string;
  }[];
}

/** A certificate source: a pair of files that Nginx loads. */
export interface CertificateSource {
  /** `CERTIFICATE` or `CERTIFICATE KEY`: the two paths as Nginx resolves them. */
  readonly id: string;
  readonly certificate: string;
  readonly key: string | null;
  readonly passwordFile: string | null;
  readonly dynamic: boolean;
  /** The server blocks that use it. */
  readonly servers: readonly string[];
  /** Where the first directive that names it stands. */
  readonly file: string;
  readonly line: number;
}

/** One (listener address, server block, key type) at which a client must be handed the source's certificate. */
export interface ProbePoint {
  /** Unique within a model: address, servername, key algorithm. */
  readonly id: string;
  readonly sourceId: string;
  readonly serverId: string;
  /** The listener as Nginx binds it. */
  readonly listener: string;
  /** Where to connect: `127.0.0.1:443`, `[::1]:443` or `unix:/path`. */
  readonly address: string;
  /** null: without SNI. */
  readonly servername: string | null;
  readonly proxyProtocol: boolean;
  /** null: whatever the server chooses (it has one pair only). */
  readonly keyAlgorithm: KeyAlgorithm | null;
  /** Why another certificate than the source's may rightly be handed out here; null: it may not. */
  readonly doubt: string | null;
}

/** A place where the source is used and no handshake can show it. */
export interface UnprobeablePoint {
  readonly sourceId: string;
  readonly serverId: string;
  readonly listener: string;
  readonly servername: string | null;
  readonly reason: string;
  /** Where a handshake shows what is handed out at present, although the certificate on disk cannot be expected there. */
  readonly look: ProbePoint | null;
}
