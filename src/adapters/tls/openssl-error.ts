/** OpenSSL's reason in its own words (`no suitable signature algorithm`); never the rest of its message. */
export function opensslReason(error: unknown): string {
  const { reason, code } = error as {
    readonly reason?: unknown;
    readonly code?: unknown;
  };
  if (typeof reason === "string") return reason;
  return typeof code === "string" ? code : "unknown reason";
}
