import { InputRangeError } from "../../batch/mod.ts";
import { checkBuffers, checkSize } from "../_check_buffers.ts";
import { wholeWords } from "../_transfers.ts";
import { type Credit, NUM_PARAMETERS } from "./_resolve_credit.ts";
import type { CreditBuffers, CreditSizes } from "./buffers.ts";

/** Buffers that are written. */
const WRITTEN: readonly (keyof CreditBuffers)[] = ["sequenceAdvantages", "statistics", "credited"];

/** The buffers that must be there, in the order of {@linkcode CreditBuffers}. */
export function neededBuffers(
  { from, needs, hasSums }: Credit,
): (keyof CreditBuffers)[] {
  const names: (keyof CreditBuffers)[] = [...needs, "lossMask"];
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
export function checkCreditBuffers(
  buffers: CreditBuffers,
  credit: Credit,
  sizes: CreditSizes,
  limits: Pick<GPUSupportedLimits, "maxStorageBufferBindingSize">,
): void {
  const { numSequences, numTokens } = sizes;
  checkSize("numSequences", numSequences);
  checkSize("numTokens", numTokens);
  if (numSequences === 0 && numTokens > 0 && credit.needs.includes("offsets")) {
    throw new InputRangeError(
      `Cannot encode ${numTokens} tokens as they must belong to sequences: numSequences is 0`,
    );
  }
  const bytes = bufferBytes(credit, sizes);
  const needed = neededBuffers(credit);
  if (credit.from === "rewards" && buffers.include !== undefined) needed.push("include");
  if (credit.formula !== "none" && buffers.parameters !== undefined) needed.push("parameters");
  const fitsInPieces = !credit.needs.includes("offsets");
  checkBuffers(
    Object.fromEntries(needed.map((name) => [name, {
      buffer: buffers[name],
      bytes: bytes[name],
      written: WRITTEN.includes(name),
    }])),
    fitsInPieces ? Infinity : limits.maxStorageBufferBindingSize,
  );
}
