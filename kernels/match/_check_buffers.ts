import { wholeWords } from "../_transfers.ts";
import type { MatchBuffers, MatchSizes } from "./match_buffers.ts";
import { STATUS_BYTES, TEXT_BYTES, tokensThatFit } from "./_sizes.ts";

const OUTPUTS = ["text", "planningMask", "matches", "status"] as const;
const INPUTS = ["offsets", "tokenIds", "lossMask", "segmentIds"] as const;

/** Checks the buffers of one run, before anything is encoded. */
export function checkBuffers(
  buffers: MatchBuffers,
  { numSequences, numTokens }: MatchSizes,
  limits: GPUSupportedLimits,
): void {
  for (const [name, value] of Object.entries({ numSequences, numTokens })) {
    if (Number.isInteger(value) && value >= 0) continue;
    throw new RangeError(
      `Cannot encode as ${name} must be a non-negative integer: current value is ${value}`,
    );
  }
  if (numTokens > 0 && numSequences === 0) {
    throw new RangeError(
      `Cannot encode ${numTokens} tokens as numSequences must be positive: current value is 0`,
    );
  }
  const limit = tokensThatFit(limits);
  if (numTokens > limit) {
    throw new RangeError(
      `Cannot encode ${numTokens} tokens as they must fit one binding of 4 bytes a token, ${limit} ` +
        `tokens: maxStorageBufferBindingSize is ${limits.maxStorageBufferBindingSize}, maxBufferSize ` +
        `is ${limits.maxBufferSize}; cut the batch between sequences`,
    );
  }
  const needed: Record<keyof MatchBuffers, number> = {
    offsets: 4 * (numSequences + 1),
    tokenIds: 4 * numTokens,
    lossMask: wholeWords(numTokens),
    segmentIds: 4 * numTokens,
    text: TEXT_BYTES * numTokens,
    planningMask: wholeWords(numTokens),
    matches: 4,
    status: STATUS_BYTES,
  };
  for (const name of [...INPUTS, ...OUTPUTS]) {
    const buffer = buffers[name];
    if (buffer !== undefined && buffer.size < needed[name]) {
      throw new RangeError(
        `Cannot encode ${numTokens} tokens as buffers.${name} must hold ${needed[name]} bytes: ` +
          `current size is ${buffer.size}`,
      );
    }
  }
  for (const output of OUTPUTS) {
    for (const other of [...INPUTS, ...OUTPUTS]) {
      if (other === output || buffers[other] !== buffers[output]) continue;
      throw new RangeError(
        `Cannot encode as buffers.${output} is written and must be a buffer of its own: it is also ` +
          `buffers.${other}`,
      );
    }
  }
}
