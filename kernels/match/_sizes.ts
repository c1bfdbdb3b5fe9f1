import { MATCH_FIELDS } from "./_found_matches.ts";

/** Bytes of a match in the list. */
export const MATCH_BYTES: number = 4 * MATCH_FIELDS;

/** Bytes of scratch for each token. */
export const TEXT_BYTES = 4;

/** Bytes of the status. */
export const STATUS_BYTES = 8;

/** The most tokens that a binding holds. */
export function tokensThatFit(limits: Limits): number {
  return Math.floor(largestBinding(limits) / TEXT_BYTES);
}

/** The most matches that a binding holds. */
export function matchesThatFit(limits: Limits): number {
  return Math.floor(largestBinding(limits) / MATCH_BYTES);
}

type Limits = Pick<GPUSupportedLimits, "maxStorageBufferBindingSize" | "maxBufferSize">;

function largestBinding({ maxStorageBufferBindingSize, maxBufferSize }: Limits): number {
  return Math.min(maxStorageBufferBindingSize, maxBufferSize);
}
