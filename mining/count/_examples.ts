import { mixBits } from "../_hash.ts";

/** Sentences that are kept for each gram. */
export const MAX_EXAMPLES = 4;
/** UTF-16 units of a sentence that are kept. */
const MAX_LENGTH = 160;

/** How soon an occurrence becomes an example: the smallest come first. Unsigned 32 bits. */
export function examplePriority(gramHash: number, promptHash: number, position: number): number {
  return mixBits(mixBits(gramHash ^ mixBits(promptHash)) ^ Math.imul(position, 0x9e3779b1)) >>> 0;
}

/** The part `[from, to)` of a sentence that is kept around a gram, with the gram near its middle. */
export function exampleWindow(
  sentence: readonly [start: number, end: number],
  gram: readonly [start: number, end: number],
): [from: number, to: number] {
  const [start, end] = sentence;
  if (end - start <= MAX_LENGTH) return [start, end];
  const before = Math.max((MAX_LENGTH - (gram[1] - gram[0])) >> 1, 0);
  const from = Math.max(start, Math.min(gram[0] - before, end - MAX_LENGTH));
  return [from, Math.max(from + MAX_LENGTH, gram[1])];
}

/** Cuts an example out of its text, without the half of a character that a window may begin with. */
export function cutExample(text: string, from: number, to: number): string {
  return text.slice(from, to).replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, "").trim();
}
