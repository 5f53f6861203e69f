/** The first four bytes tell two certificates apart for a reader. */
export function shortFingerprint(fingerprint256: string | null): string {
  return fingerprint256?.slice(0, 11) ?? "none";
}
