import { InputRangeError } from "../../batch/mod.ts";
import { matchesThatFit } from "./_sizes.ts";

/** Sequences `[from, to)` of a batch. */
export interface Piece {
  readonly from: number;
  readonly to: number;
}

/** Cuts a batch into pieces of at most `limit` tokens, each with at least one. */
export function cutBetweenSequences(offsets: Int32Array, limit: number): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (let s = 0; s + 1 < offsets.length; s++) {
    const tokens = offsets[s + 1]! - offsets[s]!;
    if (tokens > limit) {
      throw new InputRangeError(
        `Cannot match phrases as a sequence must fit one binding of 4 bytes a token, ${limit} tokens ` +
          `by maxStorageBufferBindingSize and maxBufferSize of this device: sequence ${s} holds ` +
          `${tokens}, use SgMatcher.match()`,
      );
    }
    if (offsets[s + 1]! - offsets[from]! > limit) {
      pieces.push({ from, to: s });
      from = s;
    }
  }
  pieces.push({ from, to: offsets.length - 1 });
  return pieces.filter(({ from, to }) => offsets[from]! < offsets[to]!);
}

/** Cuts a piece with too many matches in two. */
export function halves({ from, to }: Piece, limits: GPUSupportedLimits): Piece[] {
  if (to - from === 1) {
    throw new InputRangeError(
      `Cannot match phrases as the matches of a sequence must fit one binding of 20 bytes a match, ` +
        `${
          matchesThatFit(limits)
        } matches by maxStorageBufferBindingSize and maxBufferSize of this ` +
        `device: sequence ${from} has more, use SgMatcher.match()`,
    );
  }
  const middle = (from + to) >> 1;
  return [{ from, to: middle }, { from: middle, to }];
}
