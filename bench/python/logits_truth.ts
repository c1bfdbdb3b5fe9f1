import { seededRandom } from "../seeded_random.ts";
import type { TokenStatistics } from "./logits_path.ts";

/** Logits of some tokens, in both types, and what is true of each. */
export interface LogitsInput {
  readonly tokens: number;
  readonly vocabulary: number;
  /** `[tokens, vocabulary]`. */
  readonly float32: Float32Array;
  /** The same, rounded to bfloat16, as its bits. */
  readonly bfloat16: Uint16Array;
  /** `[tokens]`. */
  readonly tokenIds: Int32Array;
}

/** Log-probabilities and entropies in float64. */
export interface Truth {
  readonly logprobs: Float64Array;
  readonly entropies: Float64Array;
}

/**
 * Draws logits by a fixed seed: sums of three uniform numbers with a standard deviation of 2, and a few
 * that stand out in each row, as those of a trained model do.
 *
 * @param tokens Rows.
 * @param vocabulary Columns.
 */
export function drawLogits(tokens: number, vocabulary: number): LogitsInput {
  const random = seededRandom(1);
  const float32 = new Float32Array(tokens * vocabulary);
  // The sum of three uniform numbers has a variance of 1/4.
  for (let i = 0; i < float32.length; i++) {
    float32[i] = 4 * (random() + random() + random() - 1.5);
  }
  const tokenIds = new Int32Array(tokens);
  for (let t = 0; t < tokens; t++) {
    for (let k = 0; k < 4; k++) {
      tokenIds[t] = Math.floor(random() * vocabulary);
      float32[t * vocabulary + tokenIds[t]!] = 12 + 4 * random();
    }
  }
  return { tokens, vocabulary, float32, bfloat16: roundToBfloat16(float32), tokenIds };
}

/** Rounds to the nearest, ties to even; the values are finite. */
export function roundToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    out[i] = (bits[i]! + 0x7fff + ((bits[i]! >>> 16) & 1)) >>> 16;
  }
  return out;
}

/** The values of bfloat16 bits. */
export function fromBfloat16(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer);
}

/**
 * Computes log-probabilities and entropies in float64, a row in three plain passes.
 *
 * @param logits `[tokens, vocabulary]`.
 * @param tokenIds `[tokens]`.
 */
export function trueStatistics(logits: Float32Array, tokenIds: Int32Array): Truth {
  const tokens = tokenIds.length;
  const vocabulary = logits.length / tokens;
  const logprobs = new Float64Array(tokens);
  const entropies = new Float64Array(tokens);
  for (let t = 0; t < tokens; t++) {
    const row = logits.subarray(t * vocabulary, (t + 1) * vocabulary);
    let max = -Infinity;
    for (let v = 0; v < vocabulary; v++) max = Math.max(max, row[v]!);
    let total = 0;
    let weighted = 0;
    for (let v = 0; v < vocabulary; v++) {
      const weight = Math.exp(row[v]! - max);
      total += weight;
      weighted += weight * (row[v]! - max);
    }
    const logTotal = Math.log(total);
    logprobs[t] = row[tokenIds[t]!]! - max - logTotal;
    entropies[t] = logTotal - weighted / total;
  }
  return { logprobs, entropies };
}

/** Largest errors against the truth. */
export interface StatisticsError {
  readonly logprob: number;
  readonly entropy: number;
}

/**
 * Compares values with the truth.
 *
 * @param name Whose values, for the message.
 * @param values Log-probabilities and entropies.
 * @param truth The truth.
 * @param vocabulary Terms of each sum: float32 sums of n terms are off by n half units at most.
 * @returns The largest errors.
 * @throws {Error} If a value is missing or further off than any float32 sum can be.
 */
export function checkStatistics(
  name: string,
  values: { readonly [Key in keyof TokenStatistics]: ArrayLike<number> } | undefined,
  truth: Truth,
  vocabulary: number,
): StatisticsError {
  const errorOf = (key: keyof TokenStatistics): number => {
    const [own, right] = [values?.[key], truth[key]];
    if (own?.length !== right.length) {
      throw new Error(
        `Cannot compare with "${name}" as it must return ${right.length} ${key}: ` +
          `current value is ${own?.length}`,
      );
    }
    let worst = 0;
    for (let t = 0; t < right.length; t++) {
      const error = Math.abs(own[t]! - right[t]!);
      const bound = vocabulary * 2 ** -24 * (1 + Math.abs(right[t]!));
      if (!(error <= bound)) {
        throw new Error(
          `Cannot compare with "${name}" as its ${key} must be within ${bound} of the truth: ` +
            `${key}[${t}] is ${own[t]}, the truth is ${right[t]}`,
        );
      }
      worst = Math.max(worst, error);
    }
    return worst;
  };
  return { logprob: errorOf("logprobs"), entropy: errorOf("entropies") };
}
