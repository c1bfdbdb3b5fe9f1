import type { CheckedBatch } from "../batch/mod.ts";
import type { TokenBytes } from "../sg/mod.ts";

/**
 * Decodes each sequence: copies the bytes of its tokens one after the other and decodes them at once.
 * No faster exact way is known to us: joining decoded tokens breaks characters that are spread over
 * tokens.
 *
 * @returns A text per sequence.
 */
export function decodeBatch(batch: CheckedBatch, { bytes, offsets }: TokenBytes): string[] {
  const ids = batch.tokenIds!;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let buffer = new Uint8Array(2 ** 16);
  return Array.from({ length: batch.numSequences }, (_, s) => {
    let size = 0;
    for (let i = batch.offsets[s]!; i < batch.offsets[s + 1]!; i++) {
      const id = ids[i]!;
      const end = offsets[id + 1]!;
      if (size + end - offsets[id]! > buffer.length) buffer = grown(buffer, end - offsets[id]!);
      for (let b = offsets[id]!; b < end; b++) buffer[size++] = bytes[b]!;
    }
    return decoder.decode(buffer.subarray(0, size));
  });
}

function grown(buffer: Uint8Array<ArrayBuffer>, extra: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * buffer.length + extra);
  larger.set(buffer);
  return larger;
}
