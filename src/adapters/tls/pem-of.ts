/** A certificate's DER as a PEM block. */
export function pemOf(der: Uint8Array): string {
  const body = Buffer.from(der).toString("base64");
  const lines = body.replaceAll(/.{64}(?!$)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
