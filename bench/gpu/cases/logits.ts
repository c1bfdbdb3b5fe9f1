import {
  type LogitDtype,
  type Logits,
  logitStats,
  LogitStatsKernel,
  policyGradient,
  PolicyGradientKernel,
} from "../../../kernels/mod.ts";
import { seededRandom } from "../../seeded_random.ts";
import { DeviceArrays } from "../device_arrays.ts";
import type { GpuCase, PreparedCase, Scale } from "../gpu_case.ts";

/** The case of one element type: statistics alone, or with the backward pass in place. */
export function logitsCase(dtype: LogitDtype, pass: "forward" | "backward"): GpuCase {
  const name = pass === "forward" ? "logits" : "policy gradient, in place";
  return {
    name: `${name}, ${dtype}`,
    prepare: (device, scale) => prepare(device, scale, dtype, pass),
  };
}

/** Random words that repeat: an odd number of them, so that rows differ. */
const NUM_WORDS = 2 ** 20 + 7;

/** A word of logits from 32 random bits: finite in every dtype, a few units in size. */
const LOGIT: Readonly<Record<LogitDtype, (bits: number) => number>> = {
  f32: (bits) => (bits & 0x807fffff) | 0x40000000,
  // One element of 16 bits in each half: numbers from 1 to 4 in magnitude, with a sign.
  f16: (bits) => (bits & 0x83ff83ff) | 0x40004000,
  bf16: (bits) => (bits & 0x807f807f) | 0x40004000,
};

async function prepare(
  device: GPUDevice,
  { bytes, vocabSize }: Scale,
  dtype: LogitDtype,
  pass: "forward" | "backward",
): Promise<PreparedCase> {
  const elementBytes = dtype === "f32" ? 4 : 2;
  const rowBytes = vocabSize * elementBytes;
  const numTokens = Math.max(1, Math.floor(bytes / rowBytes));
  const arrays = new DeviceArrays(device);
  const tokenIds = Int32Array.from({ length: numTokens }, (_, t) => 7_919 * t % vocabSize);
  const word = (name: string) => arrays.empty(name, 4 * numTokens);
  const constant = (name: string, value: number) =>
    arrays.of(name, new Float32Array(numTokens).fill(value));
  const random = seededRandom(1);
  const words = Uint32Array.from({ length: NUM_WORDS }, () => LOGIT[dtype](2 ** 32 * random()));
  const logits = arrays.repeated("logits", numTokens * rowBytes, words);
  const terms = { oldLogprobs: -Math.log(vocabSize), advantages: 1, weights: 1 };
  const buffers = {
    logits,
    tokenIds: arrays.of("tokenIds", tokenIds),
    logprobs: word("logprobs"),
    entropies: word("entropies"),
    logsumexps: word("logsumexps"),
    argmaxes: word("argmaxes"),
    losses: word("losses"),
    oldLogprobs: constant("oldLogprobs", terms.oldLogprobs),
    advantages: constant("advantages", terms.advantages),
    weights: constant("weights", terms.weights),
    gradients: logits,
  };
  const objective = { vocabSize, dtype, clipHigh: 2, entropyBonus: 0.01 } as const;
  const forward = await LogitStatsKernel.compile(device, { vocabSize, dtype });
  const backward = await PolicyGradientKernel.compile(device, { ...objective, inPlace: true });

  // Rows that are compared; the backward pass overwrites them, so they are kept from the start.
  const rows = [...new Set([0, numTokens >> 1, numTokens - 1])];
  const kept: Logits[] = [];
  for (const row of rows) kept.push(await readRow(row));
  if (pass === "backward") {
    const encoder = device.createCommandEncoder();
    forward.encode(encoder, buffers, numTokens);
    backward.encode(encoder, buffers, numTokens);
    device.queue.submit([encoder.finish()]);
  }
  const gradients: Logits[] = [];
  if (pass === "backward") { for (const row of rows) gradients.push(await readRow(row)); }

  async function readRow(row: number): Promise<Logits> {
    const { buffer } = await arrays.read(logits, row * rowBytes, rowBytes);
    return dtype === "f32" ? new Float32Array(buffer) : new Uint16Array(buffer);
  }

  return {
    size: `${numTokens} x ${vocabSize}`,
    bytes: numTokens * rowBytes * (pass === "forward" ? 1 : 2),
    encode: (encoder) =>
      pass === "forward"
        ? forward.encode(encoder, buffers, numTokens)
        : backward.encode(encoder, buffers, numTokens),
    async check() {
      let worst = 0;
      for (const [k, row] of rows.entries()) {
        const ids = tokenIds.subarray(row, row + 1);
        if (pass === "forward") {
          const expected = logitStats(kept[k]!, ids, { vocabSize, dtype });
          for (const name of ["logprobs", "entropies", "logsumexps"] as const) {
            const { buffer } = await arrays.read(buffers[name], 4 * row, 4);
            const [actual] = new Float32Array(buffer);
            worst = Math.max(worst, Math.abs(actual! - expected[name][0]!));
          }
        } else {
          const of = (value: number) => Float32Array.of(value);
          const expected = policyGradient({
            logits: kept[k]!,
            tokenIds: ids,
            oldLogprobs: of(terms.oldLogprobs),
            advantages: of(terms.advantages),
            weights: of(terms.weights),
          }, objective);
          worst = Math.max(worst, distance(gradients[k]!, expected.gradients, dtype));
        }
      }
      // f32 sums of a vocabulary; a gradient of 1 in bf16 has a last place of 2^-8.
      const bound = pass === "backward" && dtype !== "f32" ? 2 ** -7 : 1e-4;
      if (!(worst <= bound)) {
        throw new Error(`Cannot trust ${dtype} logits as they are off by ${worst}`);
      }
      return `${rows.length} rows, off by at most ${worst.toExponential(1)}`;
    },
    destroy() {
      backward.destroy();
      forward.destroy();
      arrays.destroy();
    },
  };
}

function distance(actual: Logits, expected: Logits, dtype: LogitDtype): number {
  const [a, b] = [numbers(actual, dtype), numbers(expected, dtype)];
  return a.reduce((worst, value, v) => Math.max(worst, Math.abs(value - b[v]!)), 0);
}

function numbers(logits: Logits, dtype: LogitDtype): Float32Array {
  if (dtype === "f32") return logits as Float32Array;
  if (dtype === "bf16") {
    return new Float32Array(Uint32Array.from(logits, (bits) => bits << 16).buffer);
  }
  const { buffer, byteOffset, length } = logits as Uint16Array<ArrayBuffer>;
  return Float32Array.from(new Float16Array(buffer, byteOffset, length));
}
