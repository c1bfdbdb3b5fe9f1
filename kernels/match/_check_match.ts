import { InputRangeError } from "../../batch/mod.ts";
import { checkType } from "../_check_type.ts";
import { NUM_BLOCKS } from "./_alphabet.ts";
import type { PhraseBatch } from "./phrase_matches.ts";
import type { PhraseTables } from "./phrase_tables.ts";

/** Checks the shapes of the tables, before any work. */
export function checkTables(tables: PhraseTables): void {
  checkType("match phrases", "tables.tokenBytes", tables.tokenBytes, Uint8Array);
  checkType("match phrases", "tables.byteOffsets", tables.byteOffsets, Int32Array);
  checkType("match phrases", "tables.characterPages", tables.characterPages, Uint16Array);
  checkType("match phrases", "tables.characterCodes", tables.characterCodes, Uint32Array);
  checkType("match phrases", "tables.firstChild", tables.firstChild, Int32Array);
  checkType("match phrases", "tables.symbols", tables.symbols, Int32Array);
  checkType("match phrases", "tables.grams", tables.grams, Int32Array);
  const { tokenBytes, byteOffsets, characterPages, characterCodes, firstChild, symbols } = tables;
  checkLength("tables.characterPages", characterPages, NUM_BLOCKS, "one per 256 code points");
  const lastPage = characterPages.reduce((last, page) => Math.max(last, page), 0);
  const needed = 256 * (lastPage + 1);
  checkLength("tables.characterCodes", characterCodes, needed, `256 for each of the pages`);
  checkLength("tables.firstChild", firstChild, symbols.length + 1, "one per node and one more");
  checkLength("tables.grams", tables.grams, symbols.length, "one per node");
  for (let id = 0; id + 1 < byteOffsets.length; id++) {
    if (byteOffsets[id]! <= byteOffsets[id + 1]!) continue;
    throw new InputRangeError(
      `Cannot match phrases as tables.byteOffsets must not decrease: ` +
        `byteOffsets[${id + 1}] is ${byteOffsets[id + 1]} after ${byteOffsets[id]}`,
    );
  }
  if (byteOffsets[0] !== 0 || byteOffsets.at(-1) !== tokenBytes.length) {
    throw new InputRangeError(
      `Cannot match phrases as tables.byteOffsets must go from 0 to the number of tokenBytes, ` +
        `${tokenBytes.length}: they go from ${byteOffsets[0]} to ${byteOffsets.at(-1)}`,
    );
  }
}

/** Checks the shapes of what is read of a batch. */
export function checkPhraseBatch(
  batch: PhraseBatch,
): asserts batch is PhraseBatch & { readonly tokenIds: Int32Array } {
  const { offsets, tokenIds, lossMask, segmentIds } = batch;
  checkType("match phrases", "batch.offsets", offsets, Int32Array);
  checkType("match phrases", "batch.tokenIds", tokenIds, Int32Array);
  checkType("match phrases", "batch.lossMask", lossMask, Uint8Array);
  checkLength("batch.lossMask", lossMask, tokenIds!.length, "one per token");
  if (segmentIds !== undefined) {
    checkType("match phrases", "batch.segmentIds", segmentIds, Int32Array);
    checkLength("batch.segmentIds", segmentIds, tokenIds!.length, "one per token");
  }
  if (offsets[0] !== 0 || offsets.at(-1) !== tokenIds!.length) {
    throw new InputRangeError(
      `Cannot match phrases as batch.offsets must go from 0 to the number of tokens, ` +
        `${tokenIds!.length}: they go from ${offsets[0]} to ${offsets.at(-1)}`,
    );
  }
}

/** The error of `SgMatcher.match()`, word for word. */
export function unknownToken(token: number, index: number, vocabSize: number): InputRangeError {
  return new InputRangeError(
    `Cannot match batch.tokenIds as ids must be in the vocabulary, [0, ${vocabSize}): ` +
      `tokenIds[${index}] is ${token}; if the model's vocabulary is padded, load the tokenizer with ` +
      `its vocabSize`,
    { code: "token_outside_vocabulary" },
  );
}

function checkLength(
  name: string,
  values: ArrayLike<number>,
  length: number,
  which: string,
): void {
  if (values.length === length) return;
  throw new InputRangeError(
    `Cannot match phrases as ${name} must hold ${length} values, ${which}: ` +
      `current length is ${values.length}`,
  );
}
