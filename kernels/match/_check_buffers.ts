import { InputRangeError } from "../../batch/mod.ts";
import { checkBuffers, checkSize } from "../_check_buffers.ts";
import { wholeWords } from "../_transfers.ts";
import type { MatchBuffers, MatchSizes } from "./match_buffers.ts";
import { STATUS_BYTES, TEXT_BYTES, tokensThatFit } from "./_sizes.ts";

/** Checks the buffers of one run, before anything is encoded. */
export function checkMatchBuffers(
  { offsets, tokenIds, lossMask, segmentIds, text, planningMask, matches, status }: MatchBuffers,
  { numSequences, numTokens }: MatchSizes,
  limits: GPUSupportedLimits,
): void {
  checkSize("numSequences", numSequences);
  checkSize("numTokens", numTokens);
  if (numTokens > 0 && numSequences === 0) {
    throw new InputRangeError(
      `Cannot encode ${numTokens} tokens as numSequences must be positive: current value is 0`,
    );
  }
  const limit = tokensThatFit(limits);
  if (numTokens > limit) {
    throw new InputRangeError(
      `Cannot encode ${numTokens} tokens as they must fit one binding of 4 bytes a token, ${limit} ` +
        `tokens: maxStorageBufferBindingSize is ${limits.maxStorageBufferBindingSize}, maxBufferSize ` +
        `is ${limits.maxBufferSize}; cut the batch between sequences`,
    );
  }
  checkBuffers({
    offsets: { buffer: offsets, bytes: 4 * (numSequences + 1) },
    tokenIds: { buffer: tokenIds, bytes: 4 * numTokens },
    lossMask: { buffer: lossMask, bytes: wholeWords(numTokens) },
    ...segmentIds ? { segmentIds: { buffer: segmentIds, bytes: 4 * numTokens } } : {},
    text: { buffer: text, bytes: TEXT_BYTES * numTokens, written: true },
    planningMask: { buffer: planningMask, bytes: wholeWords(numTokens), written: true },
    matches: { buffer: matches, bytes: 4, written: true },
    status: { buffer: status, bytes: STATUS_BYTES, written: true },
  });
}
