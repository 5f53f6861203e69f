import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFrames } from "../../../src/core/containers/frames.ts";

function frame(stream: number, text: string): Uint8Array {
  const content = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + content.length);
  bytes[0] = stream;
  new DataView(bytes.buffer).setUint32(4, content.length);
  bytes.set(content, 8);
  return bytes;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe("readFrames", () => {
  it("tells the two outputs apart and keeps their order", () => {
    const { stdout, stderr } = readFrames(
      concat(frame(1, "a"), frame(2, "x"), frame(1, ""), frame(1, "b")),
    );
    expect([text(stdout), text(stderr)]).toEqual(["ab", "x"]);
  });

  it("takes a frame that is cut as far as it goes", () => {
    const whole = concat(frame(2, "one"), frame(2, "two"));
    expect(text(readFrames(whole.subarray(0, -1)).stderr)).toBe("onetw");
    expect(text(readFrames(whole.subarray(0, 15)).stderr)).toBe("one");
  });

  it("stops at what is no frame", () => {
    const { stdout } = readFrames(concat(frame(1, "a"), frame(7, "b")));
    expect(text(stdout)).toBe("a");
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const { stdout, stderr } = readFrames(bytes);
        expect(stdout.length + stderr.length).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
