import { captureErrors } from "../_capture_errors.ts";
import { type Values, wholeWords } from "../_transfers.ts";
import { dispatchOn } from "./_dispatch_on.ts";
import { TEXT_BYTES } from "./_sizes.ts";
import type { PhraseTables } from "./phrase_tables.ts";
import { LENGTH_SHIFT, MATCH_TOKENS, TextFlag } from "./shader.ts";

/** The tables on the device. */
export interface TableBuffers {
  /** `[vocabulary]`: first byte and `number of bytes << LENGTH_SHIFT` of each token, and flags. */
  readonly vocabulary: GPUBuffer;
  /** `[vocabulary]`, u8: a match may begin in the token. */
  readonly opens: GPUBuffer;
  readonly tokenBytes: GPUBuffer;
  readonly characters: GPUBuffer;
  readonly trie: GPUBuffer;
}

/** Uploads the tables, and finds out in which tokens of the vocabulary a match may begin. */
export async function uploadTables(
  device: GPUDevice,
  tables: PhraseTables,
  openings: GPUComputePipeline,
): Promise<TableBuffers> {
  const { tokenBytes, byteOffsets } = tables;
  const vocabSize = byteOffsets.length - 1;
  const vocabulary = new Uint32Array(2 * vocabSize);
  for (let id = 0; id < vocabSize; id++) {
    const length = byteOffsets[id + 1]! - byteOffsets[id]!;
    vocabulary[2 * id] = byteOffsets[id]!;
    vocabulary[2 * id + 1] = length << LENGTH_SHIFT | TextFlag.trained | TextFlag.runStart |
      TextFlag.opens;
  }
  const created: GPUBuffer[] = [];
  const upload = (name: string, values: Values): GPUBuffer => {
    const buffer = createTable(device, name, values);
    created.push(buffer);
    return buffer;
  };
  try {
    return await captureErrors(device, `hicra match tables`, () => {
      const buffers: TableBuffers = {
        vocabulary: upload("vocabulary", vocabulary),
        opens: upload("opens", new Uint8Array(vocabSize)),
        tokenBytes: upload("tokenBytes", tokenBytes),
        characters: upload("characters", packCharacters(tables)),
        trie: upload("trie", packTrie(tables)),
      };
      if (vocabSize === 0) return buffers;
      const nothing = [
        upload("no matches", new Uint8Array(4)),
        upload("no status", new Uint8Array(8)),
      ];
      const encoder = device.createCommandEncoder({ label: `hicra match openings` });
      const pass = encoder.beginComputePass({ label: `hicra match openings` });
      dispatchOn(device, pass, openings, Math.ceil(vocabSize / MATCH_TOKENS), [
        { buffer: buffers.vocabulary, size: TEXT_BYTES * vocabSize },
        ...[buffers.tokenBytes, buffers.characters, buffers.trie, buffers.opens, ...nothing]
          .map((buffer) => ({ buffer })),
      ]);
      pass.end();
      device.queue.submit([encoder.finish()]);
      for (const buffer of nothing) buffer.destroy();
      return buffers;
    });
  } catch (error) {
    for (const buffer of created) buffer.destroy();
    throw error;
  }
}

/** The pages behind the places at which they begin. */
function packCharacters({ characterPages, characterCodes }: PhraseTables): Uint32Array {
  const packed = new Uint32Array(characterPages.length + characterCodes.length);
  characterPages.forEach((page, block) => packed[block] = characterPages.length + 256 * page);
  packed.set(characterCodes, characterPages.length);
  return packed;
}

function packTrie({ firstChild, symbols, grams }: PhraseTables): Int32Array {
  const packed = new Int32Array(3 * firstChild.length);
  firstChild.forEach((child, node) =>
    packed.set([child, symbols[node] ?? 0, grams[node] ?? -1], 3 * node)
  );
  return packed;
}

function createTable(device: GPUDevice, name: string, values: Values): GPUBuffer {
  const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
  const size = Math.max(8, wholeWords(values.byteLength));
  if (size > Math.min(maxStorageBufferBindingSize, maxBufferSize)) {
    throw new RangeError(
      `Cannot match phrases as table "${name}" of ${size} bytes must fit one binding: ` +
        `maxStorageBufferBindingSize is ${maxStorageBufferBindingSize}, maxBufferSize is ` +
        `${maxBufferSize}; use matchPhrases on this machine`,
    );
  }
  const { STORAGE, COPY_DST } = GPUBufferUsage;
  const buffer = device.createBuffer({
    label: `hicra match ${name}`,
    size,
    usage: STORAGE | COPY_DST,
  });
  const whole = new Uint8Array(size);
  whole.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  device.queue.writeBuffer(buffer, 0, whole);
  return buffer;
}
