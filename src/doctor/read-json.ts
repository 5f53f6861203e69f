/** Reads a record of the state as it lies there; nothing is moved or mended. */
import { readFileBounded } from "../adapters/files/read-file.ts";

const recordBytes = 64 * 1024 * 1024;

/** null for whatever is no JSON or cannot be read. */
export async function readJson(path: string): Promise<unknown> {
  const reading = await readFileBounded(path, { maxBytes: recordBytes });
  if (reading.kind !== "read") return null;
  try {
    return JSON.parse(Buffer.from(reading.content).toString("utf8"));
  } catch {
    return null;
  }
}
