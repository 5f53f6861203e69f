/**
 * PEM text as nearly everybody writes it (RFC 7468, section 3: `stricttextualmsg`, with blank lines between the blocks),
 * read in one go. By lines, as OpenSSL's reader takes whatever there is, it takes several times as long.
 */
import type { PemBlock } from "./pem.ts";
import { latin1 } from "./pem-lines.ts";

/** Far more than a certificate with its issuers; what is longer need not be fast. */
const maxBytes = 16_384;

const usualBlock =
  /(\n*)-----BEGIN ([A-Z0-9 ]{1,64})-----\n((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{2,64}={0,2}\n)-----END \2-----\n+/y;

/** The blocks that `splitPem` finds; null where the whole text is not in the usual form. */
export function splitUsualPem(bytes: Uint8Array): readonly PemBlock[] | null {
  if (bytes.length > maxBytes) return null;
  const text = latin1(bytes);
  const blocks: PemBlock[] = [];
  let line = 1;
  usualBlock.lastIndex = 0;
  while (usualBlock.lastIndex < text.length) {
    const found = usualBlock.exec(text);
    if (found === null) return null;
    const [whole, before = "", label = "", lines = ""] = found;
    const body = lines.replaceAll("\n", "");
    if (body.length % 4 !== 0) return null;
    blocks.push({ label, header: "", body, line: line + before.length });
    line += whole.split("\n").length - 1;
  }
  return blocks;
}
