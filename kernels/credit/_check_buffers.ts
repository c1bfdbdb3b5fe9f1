import { wholeWords } from "../_transfers.ts";
import { type Credit, NUM_PARAMETERS } from "./_resolve_credit.ts";
import type { CreditBuffers, CreditSizes } from "./buffers.ts";

/** Buffers that are written. */
const WRITTEN = ["sequenceAdvantages", "statistics", "credited"] as const;

/** The buffers that must be there, in the order of {@linkcode CreditBuffers}. */
export function neededBuffers(
  { from, formula, needs, hasSums }: Credit,
): (keyof CreditBuffers)[] {
  const names: (keyof CreditBuffers)[] = [...needs, "lossMask"];
  if (formula !== "none") names.push("parameters");
  if (from === "rewards") names.push("sequenceAdvantages");
  if (hasSums) names.push("statistics");
  names.push("credited");
  return names;
}

/** Bytes that each buffer must hold. */
export function bufferBytes(
  { from }: Credit,
  { numSequences, numTokens }: CreditSizes,
): Record<keyof CreditBuffers, number> {
  return {
    offsets: 4 * (numSequences + 1),
    lossMask: wholeWords(numTokens),
    kinds: wholeWords(numTokens),
    rewards: 4 * numSequences,
    groupIds: 4 * numSequences,
    include: wholeWords(numSequences),
    advantages: 4 * (from === "tokens" ? numTokens : numSequences),
    entropies: 4 * numTokens,
    oldLogprobs: 4 * numTokens,
    parameters: 4 * NUM_PARAMETERS,
    sequenceAdvantages: 4 * numSequences,
    statistics: 16 * numSequences,
    credited: 4 * numTokens,
  };
}

/** Refuses buffers that are missing, too small, above the limit of a binding or written and read. */
export function checkBuffers(
  buffers: CreditBuffers,
  credit: Credit,
  sizes: CreditSizes,
  limits: Pick<GPUSupportedLimits, "maxStorageBufferBindingSize">,
): void {
  for (const name of ["numSequences", "numTokens"] as const) {
    if (!Number.isInteger(sizes[name]) || sizes[name] < 0) {
      throw new RangeError(
        `Cannot encode as ${name} must be a non-negative integer: current value is ${sizes[name]}`,
      );
    }
  }
  const { numSequences, numTokens } = sizes;
  if (numSequences === 0 && numTokens > 0 && credit.needs.includes("offsets")) {
    throw new RangeError(
      `Cannot encode ${numTokens} tokens as they must belong to sequences: numSequences is 0`,
    );
  }
  const bytes = bufferBytes(credit, sizes);
  const needed = neededBuffers(credit);
  if (credit.from === "rewards" && buffers.include !== undefined) needed.push("include");
  const written = WRITTEN.filter((name) => needed.includes(name));
  const fitsInPieces = !credit.needs.includes("offsets");
  for (const name of needed) {
    const buffer = buffers[name];
    if (buffer === undefined) {
      throw new TypeError(
        `Cannot encode as this kernel needs buffers.${name}: current value is undefined`,
      );
    }
    if (buffer.size < bytes[name]) {
      throw new RangeError(
        `Cannot encode ${numSequences} sequences of ${numTokens} tokens as buffers.${name} must ` +
          `hold ${bytes[name]} bytes: current size is ${buffer.size}`,
      );
    }
    if (bytes[name] > limits.maxStorageBufferBindingSize && !fitsInPieces) {
      throw new RangeError(
        `Cannot encode ${numSequences} sequences of ${numTokens} tokens as buffers.${name} needs ` +
          `${bytes[name]} bytes in one binding and maxStorageBufferBindingSize is ` +
          `${limits.maxStorageBufferBindingSize}: pass fewer tokens at a time`,
      );
    }
    const other = written.find((output) => output !== name && buffers[output] === buffer);
    if (other !== undefined) {
      throw new RangeError(
        `Cannot encode as buffers.${other} is written and must be no other buffer: it is also ` +
          `buffers.${name}, WebGPU does not read and write one buffer in a pass`,
      );
    }
  }
}
