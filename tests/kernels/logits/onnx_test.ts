import assert from "node:assert/strict";
import { type LogitDtype, logitStats } from "../../../kernels/mod.ts";
import { LogitStatsSession } from "../../../kernels/onnx.ts";
import { assertWithin } from "../_assert_within.ts";
import { logitsOf, seeded } from "../_logit_arrays.ts";

const DTYPES: LogitDtype[] = ["f32", "f16", "bf16"];

Deno.test("LogitStatsSession.run() agrees with logitStats() at odd sizes, in every dtype", async () => {
  const sizes = [[1, 1], [5, 7], [70, 1_025], [3, 39_999], [2, 40_001], [3, 100_003]];
  for (const dtype of DTYPES) {
    for (const [numTokens, vocabSize] of sizes) {
      for (const temperature of [1, 0.6]) {
        const random = seeded(vocabSize!);
        const values = Float64Array.from({ length: numTokens! * vocabSize! }, () => 12 * random());
        await assertAgrees(values, { vocabSize: vocabSize!, dtype, temperature });
      }
    }
  }
});

Deno.test("LogitStatsSession.run() agrees where whole pieces of a row are masked", async () => {
  const vocabSize = 100_000;
  for (const [from, to] of [[0, 99_999], [1, 100_000], [30_000, 70_000]]) {
    const values = Float64Array.from({ length: vocabSize }, (_, v) => Math.sin(v));
    values.fill(-Infinity, from, to);
    await assertAgrees(values, { vocabSize, dtype: "f32", temperature: 1 });
  }
});

Deno.test("LogitStatsSession.run() agrees on huge and on far logits", async () => {
  const values = Float64Array.of(6e4, -6e4, 6e4, 0, 1_024, -Infinity, -3e4, -3e4, -6e4);
  await assertAgrees(values, { vocabSize: 3, dtype: "f32", temperature: 1 });
});

Deno.test("LogitStatsSession.run() leaves out tokens with a negative id or loss mask 0", async () => {
  const session = await LogitStatsSession.create({ vocabSize: 2, threads: 1 });
  const { logprobs, entropies } = await session.run(
    Float32Array.of(NaN, Infinity, 0, 0, NaN, NaN, 0, 0),
    Int32Array.of(-100, 1, 99, 0),
    { lossMask: Uint8Array.of(1, 1, 0, 1) },
  );
  const half = Math.log(2);
  assertWithin(logprobs, [0, -half, 0, -half], () => 1e-6, "logprobs");
  assertWithin(entropies, [0, half, 0, half], () => 1e-6, "entropies");
  await session.release();
});

Deno.test("LogitStatsSession.run() throws what logitStats() throws", async () => {
  for (const dtype of DTYPES) {
    const session = await LogitStatsSession.create({ vocabSize: 3, dtype, threads: 1 });
    const masked = -Infinity;
    for (const row of [[1, NaN, 2], [1, 2, Infinity], [masked, masked, masked]]) {
      const logits = logitsOf([0, 0, 0, ...row], dtype);
      const ids = Int32Array.of(0, 1);
      const options = { vocabSize: 3, dtype };
      let expected: Error | undefined;
      try {
        logitStats(logits, ids, options);
      } catch (error) {
        expected = error as Error;
      }
      await assert.rejects(session.run(logits, ids), { message: expected!.message });
    }
    await session.release();
  }
  await assert.rejects(LogitStatsSession.create({ vocabSize: 3, temperature: -1 }), {
    message: "Cannot compute logit statistics as temperature must be a positive number: " +
      "current value is -1",
  });
});

async function assertAgrees(
  values: Float64Array,
  options: { vocabSize: number; dtype: LogitDtype; temperature: number },
): Promise<void> {
  const { vocabSize, dtype } = options;
  const logits = logitsOf(values, dtype);
  const tokenIds = Int32Array.from(
    { length: values.length / vocabSize },
    (_, t) => 7 * t % vocabSize,
  );
  const expected = logitStats(logits, tokenIds, options);
  const session = await LogitStatsSession.create({ ...options, threads: 1 });
  const actual = await session.run(logits, tokenIds);
  await session.release();
  // An f32 sum of n terms that onnxruntime adds a few lanes at a time; the doc has the formula.
  const sum = 16 + Math.min(vocabSize, 40_000) / 1_024;
  const what = `${tokenIds.length} x ${vocabSize} ${dtype}`;
  for (const name of ["logprobs", "logsumexps"] as const) {
    const bound = (t: number) => {
      const size = Math.abs(expected[name][t]!);
      return 2 ** -23 * (sum + (Number.isFinite(size) ? size : 0));
    };
    assertWithin(actual[name], expected[name], bound, `${what}: ${name}`);
  }
  const bound = () => 2 ** -23 * (sum + 10 * Math.log(vocabSize));
  assertWithin(actual.entropies, expected.entropies, bound, `${what}: entropies`);
}
