/**
 * The output of a program in a container: frames of eight bytes' head (stream, three zeros, length) and their content.
 * Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
 */
export interface Streams {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

const headBytes = 8;

/** A last frame that is cut is taken as far as it goes; what is no frame ends the reading. */
export function readFrames(bytes: Uint8Array): Streams {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const streams = new Map<number, Uint8Array[]>();
  for (let at = 0; at + headBytes <= bytes.length;) {
    const stream = view.getUint8(at);
    if (stream > 2) break;
    const end = at + headBytes + view.getUint32(at + 4);
    const content = bytes.subarray(at + headBytes, end);
    streams.set(stream, [...(streams.get(stream) ?? []), content]);
    at = end;
  }
  return {
    stdout: joined(streams.get(1) ?? []),
    stderr: joined(streams.get(2) ?? []),
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
