import { InputRangeError } from "../../batch/mod.ts";
import { captureErrors } from "../_capture_errors.ts";
import { type Values, wholeWords } from "../_transfers.ts";
import { dispatchOn } from "../_dispatch_on.ts";
import type { PhraseTables } from "../../sg/mod.ts";
import { ID_SHIFT, TextFlag, WORKGROUP_SIZE } from "./_text_wgsl.ts";

/** The tables on the device. */
export interface TableBuffers {
  /**
   * `[3 * vocabulary + 1]` of two words: first byte and number of bytes of each token and of one without
   * bytes; then how a match may begin in each; then how the next token must open for it to go on.
   */
  readonly vocabulary: GPUBuffer;
  readonly tokenBytes: GPUBuffer;
  readonly characters: GPUBuffer;
  readonly trie: GPUBuffer;
}

/** Uploads the tables, and finds out how a match may begin in each token of the vocabulary. */
export async function uploadTables(
  device: GPUDevice,
  tables: PhraseTables,
  openings: GPUComputePipeline,
): Promise<TableBuffers> {
  const { tokenBytes, byteOffsets } = tables;
  const vocabSize = byteOffsets.length - 1;
  const vocabulary = new Uint32Array(2 * (3 * vocabSize + 1));
  const text = new Uint32Array(vocabSize);
  for (let id = 0; id < vocabSize; id++) {
    vocabulary[2 * id] = byteOffsets[id]!;
    vocabulary[2 * id + 1] = byteOffsets[id + 1]! - byteOffsets[id]!;
    text[id] = id << ID_SHIFT | TextFlag.trained | TextFlag.runStart;
  }
  const created: GPUBuffer[] = [];
  const upload = (name: string, values: Values): GPUBuffer => {
    const buffer = createTable(device, name, values);
    created.push(buffer);
    return buffer;
  };
  try {
    return await captureErrors(device, "hicra match tables", () => {
      const buffers: TableBuffers = {
        vocabulary: upload("vocabulary", vocabulary),
        tokenBytes: upload("tokenBytes", tokenBytes),
        characters: upload("characters", packCharacters(tables)),
        trie: upload("trie", packTrie(tables)),
      };
      if (vocabSize === 0) return buffers;
      const ids = upload("ids", text);
      const found = upload("openings", new Uint32Array(4 * vocabSize));
      const encoder = device.createCommandEncoder({ label: "hicra match openings" });
      const pass = encoder.beginComputePass({ label: "hicra match openings" });
      dispatchOn(device, pass, openings, Math.ceil(vocabSize / WORKGROUP_SIZE), [
        { buffer: ids, size: 4 * vocabSize },
        ...[buffers.vocabulary, buffers.tokenBytes, buffers.characters, buffers.trie, found]
          .map((buffer) => ({ buffer })),
      ]);
      pass.end();
      const behindSpellings = 8 * (vocabSize + 1);
      encoder.copyBufferToBuffer(found, 0, buffers.vocabulary, behindSpellings, 16 * vocabSize);
      device.queue.submit([encoder.finish()]);
      ids.destroy();
      found.destroy();
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
    throw new InputRangeError(
      `Cannot match phrases as table "${name}" of ${size} bytes must fit one binding: ` +
        `maxStorageBufferBindingSize is ${maxStorageBufferBindingSize}, maxBufferSize is ` +
        `${maxBufferSize}; use SgMatcher.match() on this machine`,
    );
  }
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const buffer = device.createBuffer({
    label: `hicra match ${name}`,
    size,
    usage: STORAGE | COPY_SRC | COPY_DST,
  });
  const whole = new Uint8Array(size);
  whole.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  device.queue.writeBuffer(buffer, 0, whole);
  return buffer;
}
