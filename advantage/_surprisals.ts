/** `-logprob`; a logprob that rounding left just above 0 is a surprisal of 0. */
export function surprisalsOf(logprobs: Float32Array): Float32Array {
  const out = new Float32Array(logprobs.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.max(0, -logprobs[i]!);
  return out;
}

/** Mean over the tokens of a sequence that are trained and not left out; NaN of none. */
export function meanOfSequence(
  values: Float32Array,
  from: number,
  to: number,
  lossMask: Uint8Array | undefined,
  leftOut?: Uint8Array,
): number {
  let sum = 0;
  let count = 0;
  for (let i = from; i < to; i++) {
    if (lossMask?.[i] === 0 || leftOut?.[i] === 1) continue;
    sum += values[i]!;
    count++;
  }
  return sum / count;
}
