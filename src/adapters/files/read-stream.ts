/** As much as Nginx's own dump may have (adapters/process/run.ts): thousands of server blocks. */
const maxBytes = 64 * 1024 * 1024;

/** Everything that a stream gives; null where it goes on beyond 64 MiB, and then it is closed. */
export async function readStream(
  stream: AsyncIterable<Uint8Array>,
): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) return null;
  }
  return Buffer.concat(chunks);
}
