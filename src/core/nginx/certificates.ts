import { argumentOf, effective } from "./directives.ts";
import type { Levels } from "./directives.ts";
import type { CertificatePair, NginxContext } from "./model.ts";
import type { Directive } from "./parser.ts";
import { resolvePath } from "./paths.ts";

/** Where words become paths and variables: the main configuration file's directory, and the context. */
export interface Reading {
  readonly context: NginxContext;
  readonly directory: string;
}

/** A value that names a file, or stands for one. */
export interface FileName {
  /** Absolute, or as written when `dynamic` or `inline`. */
  readonly path: string;
  readonly dynamic: boolean;
  readonly inline: boolean;
}

export function readFileName(
  written: string,
  { context, directory }: Reading,
): FileName {
  // Mail knows no variables: a dollar sign is a part of the name there.
  const dynamic = context !== "mail" && written.includes("$");
  const inline = isInline(written);
  const path = dynamic || inline ? written : resolvePath(directory, written);
  return { path, dynamic, inline };
}

/** `data:PEM`, and for keys `engine:NAME:ID` and `store:URI`. */
export function isInline(written: string): boolean {
  return /^(?:data|engine|store):/.test(written);
}

/**
 * The n-th certificate with the n-th key, each list inherited by itself (`ngx_http_ssl_merge_srv_conf`). One variable
 * makes Nginx load all pairs of the block at the handshake (`ngx_http_ssl_compile_certificates`).
 */
export function effectivePairs(
  levels: Levels,
  reading: Reading,
): readonly CertificatePair[] {
  const keys = withOneArgument(effective(levels, "ssl_certificate_key"));
  const certificates = withOneArgument(effective(levels, "ssl_certificate"));
  const passwordFile = argumentOf(levels, "ssl_password_file");
  const pairs = certificates.map(({ args, file, line }, index) =>
    readPair(
      {
        certificate: args[0] ?? "",
        key: keys[index]?.args[0] ?? null,
        passwordFile,
        file,
        line,
      },
      reading,
    ),
  );
  const dynamic = pairs.some((pair) => pair.dynamic);
  return dynamic ? pairs.map((pair) => ({ ...pair, dynamic })) : pairs;
}

/** Nginx refuses any other number; such a line may hold spilled text. */
function withOneArgument(
  directives: readonly Directive[],
): readonly Directive[] {
  return directives.filter(({ args }) => args.length === 1);
}

function readPair(
  {
    certificate,
    key,
    passwordFile,
    file,
    line,
  }: Pick<
    CertificatePair,
    "certificate" | "key" | "passwordFile" | "file" | "line"
  >,
  reading: Reading,
): CertificatePair {
  const certificateName = readFileName(certificate, reading);
  const keyName = key === null ? null : readFileName(key, reading);
  return {
    certificate: certificateName.path,
    key: keyName?.path ?? null,
    passwordFile:
      passwordFile === null
        ? null
        : resolvePath(reading.directory, passwordFile),
    file,
    line,
    dynamic: certificateName.dynamic || keyName?.dynamic === true,
    inline: certificateName.inline || keyName?.inline === true,
  };
}
