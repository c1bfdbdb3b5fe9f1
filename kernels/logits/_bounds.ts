/** Distance from 1 to the next f32. */
const UNIT = 2 ** -23;

/**
 * Bound of a log-probability and a logsumexp in f32, whatever the dtype, as inputs are exact: the distance of
 * the logit from the largest and its division by the temperature are each off by half a unit of the
 * distance, the sum by an exp2 of up to 3 + 2*|x| units at the terms that count and by one rounding for each of
 * vocabSize / 1,024 terms that a lane adds, the logarithm and the last sum by a unit of the result each.
 *
 * @param largest The largest logit of the row over the temperature.
 */
export function logprobBound(largest: number, logprob: number, vocabSize: number): number {
  const size = Math.max(Math.abs(largest), Number.isFinite(logprob) ? Math.abs(logprob) : 0);
  return UNIT * (16 + 2 * size + vocabSize / 1_024);
}

/**
 * The same for an entropy, at most log(vocabSize): its two terms are each at most some 20 at the distances
 * that count, where weights are not negligible.
 */
export function entropyBound(vocabSize: number): number {
  return UNIT * (40 + Math.log(vocabSize) * (4 + vocabSize / 1_024));
}

/** The same for the sum of the largest probabilities. */
export function massBound(vocabSize: number): number {
  return UNIT * (32 + vocabSize / 1_024);
}
