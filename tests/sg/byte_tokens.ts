import type { TokenBytes } from "../../sg/token_bytes.ts";

/** A vocabulary whose ids spell the given bytes. */
export function byteTokens(vocabulary: readonly Uint8Array[]): TokenBytes {
  const offsets = new Int32Array(vocabulary.length + 1);
  vocabulary.forEach((bytes, id) => offsets[id + 1] = offsets[id]! + bytes.length);
  const bytes = new Uint8Array(offsets[vocabulary.length]!);
  vocabulary.forEach((token, id) => bytes.set(token, offsets[id]!));
  return {
    model: "byte-level",
    vocabSize: vocabulary.length,
    bytes,
    offsets,
    special: new Uint8Array(vocabulary.length),
  };
}
