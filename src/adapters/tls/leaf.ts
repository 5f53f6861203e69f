/** The first certificate of a file; null where it cannot be read, or holds something else. */
import type { Certificate } from "../../core/certificate/certificate.ts";
import { readFileBounded, readNow } from "../files/read-file.ts";
import { readCertificates } from "./certificate.ts";

export async function readLeaf(path: string): Promise<Certificate | null> {
  const file = await readFileBounded(path);
  return file.kind === "read" ? leafOf(file.content) : null;
}

/** At once, for the few files that are asked for in the middle of something. */
export function readLeafNow(path: string): Certificate | null {
  const content = readNow(path);
  return content === null ? null : leafOf(content);
}

function leafOf(content: Uint8Array): Certificate | null {
  const found = readCertificates(content);
  return found.kind === "read" ? (found.certificates[0] ?? null) : null;
}
