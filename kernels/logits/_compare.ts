import { type Comparison, scattered } from "../_self_check.ts";
import { logitReader, type Logits, logitWriter } from "../logit_dtype.ts";
import { entropyBound, logprobBound, massBound } from "./_bounds.ts";
import type { LogitSettings } from "./_check_logits.ts";
import { type LogitStats, logitStats } from "./reference.ts";

/** Entries that stand out in each row, side by side: a few invocations of a workgroup find all that counts. */
const OUTSTANDING = 8;

/**
 * Logits from -6 to 6 nats whatever the temperature, as far as the dtype holds them, with the ids that go with
 * them: the first, the last, one between, and none. Some first entries are masked.
 *
 * The largest stand side by side and rise on the whole, so that neighboring invocations keep many of them, in
 * different numbers. A driver was found that fails there, in 30 to 98 of 100 rows, and hardly where they lie apart.
 */
export function checkedLogits(
  { vocabSize, dtype, temperature }: LogitSettings,
): { logits: Logits; tokenIds: Int32Array } {
  const rows = Math.max(4, Math.min(64, Math.floor(2 ** 20 / vocabSize)));
  const tokenIds = Int32Array.from(
    { length: rows },
    (_, t) => [0, vocabSize - 1, vocabSize >> 1, -100][t % 4]!,
  );
  const logits = dtype === "f32"
    ? new Float32Array(rows * vocabSize)
    : new Uint16Array(rows * vocabSize);
  const write = logitWriter(logits, dtype);
  const scale = Math.min(temperature, 1_000);
  const chance = scattered(logits.length);
  for (let t = 0; t < rows; t++) {
    const begin = t * vocabSize;
    const first = Math.floor((chance[begin]! + 1) / 2 * Math.max(1, vocabSize - OUTSTANDING + 1));
    for (let v = 0; v < vocabSize; v++) {
      const place = v - first;
      const isOutstanding = place >= 0 && place < OUTSTANDING;
      const value = chance[begin + v]!;
      write(begin + v, scale * (isOutstanding ? 3 * value + 3 * place / OUTSTANDING : value - 5));
    }
    if (t % 4 === 1 && vocabSize > 1) write(begin, -Infinity);
  }
  return { logits, tokenIds };
}

/** Computes the statistics of a few rows both ways. */
export async function compareLogits(
  compute: (logits: Logits, tokenIds: Int32Array) => Promise<LogitStats>,
  settings: LogitSettings & { readonly topK: number },
): Promise<Comparison[]> {
  const { vocabSize, dtype, temperature } = settings;
  const { logits, tokenIds } = checkedLogits(settings);
  const expected = logitStats(logits, tokenIds, settings);
  const actual = await compute(logits, tokenIds);
  const read = logitReader(logits, dtype);
  const largest = (t: number) =>
    expected.argmaxes[t] === -1 ? 0 : read(t * vocabSize + expected.argmaxes[t]!) / temperature;
  const bounds = {
    logprobs: (t: number) => logprobBound(largest(t), expected.logprobs[t]!, vocabSize),
    entropies: () => entropyBound(vocabSize),
    logsumexps: (t: number) => logprobBound(largest(t), expected.logprobs[t]!, vocabSize),
    argmaxes: () => 0,
    topKMasses: () => massBound(vocabSize),
  };
  return (Object.keys(bounds) as (keyof LogitStats)[]).map((name) => ({
    name,
    actual: actual[name],
    expected: expected[name],
    bound: bounds[name],
  }));
}
