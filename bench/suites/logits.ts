import { logitStats } from "../../kernels/mod.ts";
import { LogitStatsSession } from "../../kernels/onnx.ts";
import type { PythonSession } from "../python/session.ts";
import { seededRandom } from "../seeded_random.ts";
import type { Suite } from "../suite.ts";

const ROWS = 64;

/** Nats: float32 sums of a vocabulary. */
const TOLERANCE = 1e-3;

/** Cases of bench/peers/logits_cases.py, and what they do. */
const PYTHON_CASES = {
  "torch eager, whole": "log_softmax, gather, entropy, all rows at once",
  "torch eager, TRL": "logsumexp by rows, entropy from log_softmax in chunks, as TRL",
  "torch eager, verl": "logsumexp by rows, entropy from softmax and logits, as verl",
  "torch eager, rows by hand": "exponentials by rows, once for sum and entropy",
  "torch.compile": "the first of these, compiled by inductor",
  "onnxruntime": "LogSoftmax, GatherElements, ReduceSum",
} as const;

/**
 * Log-probabilities and entropies from logits on the CPU, beside torch and onnxruntime in Python.
 *
 * @param python Where they run.
 * @param vocabSize Logits in a row.
 * @returns The suite; `release` ends the session of ours.
 */
export async function logitsSuite(
  python: PythonSession,
  vocabSize: number,
): Promise<Suite & { release(): Promise<void> }> {
  const random = seededRandom(1);
  const logits = Float32Array.from({ length: ROWS * vocabSize }, () => 16 * random() - 8);
  const tokenIds = Int32Array.from({ length: ROWS }, () => Math.floor(random() * vocabSize));
  const expected = logitStats(logits, tokenIds, { vocabSize, dtype: "f32" });
  const session = await LogitStatsSession.create({ vocabSize, dtype: "f32", threads: 1 });
  const inPython = await python.contestants(
    { logits, "ids": tokenIds, "logprobs": expected.logprobs, "entropies": expected.entropies },
    Object.entries(PYTHON_CASES).map(([run, what]) => ({ run, what })),
    { logits: [ROWS, vocabSize] },
  );
  return {
    name: `Logits to log-probabilities and entropies, [${ROWS}, ${vocabSize}] float32`,
    note: "One core. Every value is compared with the reference in float64.",
    tokens: ROWS,
    contestants: [{
      name: "hicra",
      what: "LogitStatsSession, in onnxruntime",
      run: async () => {
        const start = performance.now();
        const { logprobs, entropies } = await session.run(logits, tokenIds);
        const ms = performance.now() - start;
        return {
          ms,
          result: Math.max(
            distance(logprobs, expected.logprobs),
            distance(entropies, expected.entropies),
          ),
        };
      },
    }, ...inPython],
    check(found) {
      for (const [name, difference] of found) {
        if (difference <= TOLERANCE) continue;
        throw new Error(
          `Cannot compare with ${name} as it must be within ${TOLERANCE} nats: it is off by ${difference}`,
        );
      }
      return `All are within ${Math.max(...found.values()).toExponential(1)} nats`;
    },
    release: () => session.release(),
  };
}

function distance(actual: Float32Array, expected: Float32Array): number {
  return actual.reduce((most, value, t) => Math.max(most, Math.abs(value - expected[t]!)), 0);
}
