/** `-logprob`; a logprob that rounding left just above 0 is a surprisal of 0. */
export function surprisalsOf(logprobs: Float32Array): Float32Array {
  const out = new Float32Array(logprobs.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.max(0, -logprobs[i]!);
  return out;
}
