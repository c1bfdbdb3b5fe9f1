import { Flag, InputRangeError } from "../batch/mod.ts";

/** Options of {@linkcode overlongPenalty}. */
export interface OverlongPenaltyOptions {
  /** Longest response that still earns its reward in part, in tokens. */
  readonly maxLength: number;
  /** Length of the interval before `maxLength` in which the penalty grows, in tokens. */
  readonly cacheLength: number;
}

/**
 * Computes DAPO's soft punishment of long responses, to be added to the rewards.
 *
 * With `L` the length of a response, `M = maxLength` and `C = cacheLength`: 0 if `L <= M - C`,
 * `((M - C) - L) / C` if `M - C < L <= M`, and -1 if `L > M`
 * (https://arxiv.org/abs/2503.14476, equation 13). With `cacheLength` 0 there is no interval between.
 *
 * @example Usage
 * ```ts
 * import { overlongPenalty } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const lengths = Int32Array.of(80, 90, 100, 101);
 * assert.deepEqual(
 *   overlongPenalty(lengths, { maxLength: 100, cacheLength: 20 }),
 *   Float32Array.of(0, -0.5, -1, -1),
 * );
 * ```
 *
 * @param lengths `[sequences]`, response lengths in tokens.
 * @param options Where the penalty begins and where it is full.
 * @returns Penalties between -1 and 0, `[sequences]`.
 * @throws {RangeError} If an option is not an integer with `0 <= cacheLength <= maxLength`, or a
 * length is negative.
 */
export function overlongPenalty(
  lengths: Int32Array,
  { maxLength, cacheLength }: OverlongPenaltyOptions,
): Float32Array {
  if (!Number.isInteger(maxLength) || maxLength < 1) {
    throw new InputRangeError(
      `Cannot compute overlong penalties as maxLength must be a positive integer: ` +
        `current value is ${maxLength}`,
    );
  }
  if (!Number.isInteger(cacheLength) || cacheLength < 0 || cacheLength > maxLength) {
    throw new InputRangeError(
      `Cannot compute overlong penalties as cacheLength must be an integer from 0 to maxLength, ` +
        `${maxLength}: current value is ${cacheLength}`,
    );
  }
  const free = maxLength - cacheLength;
  const penalties = new Float32Array(lengths.length);
  for (let s = 0; s < lengths.length; s++) {
    const length = lengths[s]!;
    if (length < 0) {
      throw new InputRangeError(
        `Cannot compute overlong penalties as a length is not negative: lengths[${s}] is ${length}`,
      );
    }
    if (length > free) penalties[s] = length > maxLength ? -1 : (free - length) / cacheLength;
  }
  return penalties;
}

/**
 * Finds the sequences that overlong filtering keeps: those that were not cut at the length limit.
 *
 * `keep_i = 0` where `flags_i` has {@linkcode Flag.truncated} (DAPO,
 * https://arxiv.org/abs/2503.14476, section 3.4). Set `lossMask` to 0 in the others; their rewards
 * still belong to the baseline of their group.
 *
 * @example Usage
 * ```ts
 * import { overlongFilter } from "@hicra/hicra/advantage";
 * import { Flag } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(overlongFilter(Uint8Array.of(0, Flag.truncated)), Uint8Array.of(1, 0));
 * ```
 *
 * @param flags `[sequences]`, bits of {@linkcode Flag}.
 * @returns `[sequences]`: 1 to keep, 0 to drop.
 */
export function overlongFilter(flags: Uint8Array): Uint8Array {
  const keep = new Uint8Array(flags.length);
  for (let s = 0; s < flags.length; s++) keep[s] = (flags[s]! & Flag.truncated) === 0 ? 1 : 0;
  return keep;
}
