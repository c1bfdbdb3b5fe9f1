import {
  type CreditBatch,
  CreditKernel,
  type CreditOptions,
  creditParameters,
} from "../../../kernels/mod.ts";
import { baselineAdvantages, hicraAdvantages } from "../../../advantage/mod.ts";
import { checkBatch } from "../../../batch/mod.ts";
import { seededRandom } from "../../seeded_random.ts";
import { DeviceArrays } from "../device_arrays.ts";
import type { GpuCase, PreparedCase, Scale } from "../gpu_case.ts";

const SEQUENCE_TOKENS = 4_096;
const GROUP_SIZE = 16;

/** The group baseline with a transform, from rewards to the advantages of tokens. */
export function creditCase(mode: "paper" | "mass-preserving"): GpuCase {
  return {
    name: `group baseline and HICRA, ${mode}`,
    prepare: (device, scale) => prepare(device, scale, mode),
  };
}

async function prepare(
  device: GPUDevice,
  scale: Scale,
  mode: "paper" | "mass-preserving",
): Promise<PreparedCase> {
  const numSequences = Math.max(4, Math.floor(scale.bytes / 16 / (4 * SEQUENCE_TOKENS)));
  const numTokens = numSequences * SEQUENCE_TOKENS;
  const random = seededRandom(7);
  const transform = { name: "hicra", alpha: 0.2, mode } as const;
  const options: CreditOptions = { baseline: { scale: "group-std" }, transform };
  const batch = {
    offsets: Int32Array.from({ length: numSequences + 1 }, (_, s) => s * SEQUENCE_TOKENS),
    lossMask: new Uint8Array(numTokens).fill(1),
    kinds: Uint8Array.from({ length: numTokens }, () => Number(random() < 0.05)),
    rewards: Float32Array.from({ length: numSequences }, () => Number(random() < 0.4)),
    groupIds: Int32Array.from({ length: numSequences }, (_, s) => Math.floor(s / GROUP_SIZE)),
  } satisfies CreditBatch;
  const kernel = await CreditKernel.compile(device, options);
  const arrays = new DeviceArrays(device);
  const buffers = {
    offsets: arrays.of("offsets", batch.offsets),
    lossMask: arrays.of("lossMask", batch.lossMask),
    kinds: arrays.of("kinds", batch.kinds),
    rewards: arrays.of("rewards", batch.rewards),
    groupIds: arrays.of("groupIds", batch.groupIds),
    parameters: arrays.of("parameters", creditParameters(transform)),
    sequenceAdvantages: arrays.empty("sequenceAdvantages", 4 * numSequences),
    statistics: arrays.empty("statistics", 16 * numSequences),
    credited: arrays.empty("credited", 4 * numTokens),
  };
  return {
    size: `${numSequences} sequences, ${numTokens} tokens`,
    // Loss mask and kinds are read, twice where sums come first, and advantages written.
    bytes: (mode === "paper" ? 6 : 8) * numTokens,
    encode: (encoder) => kernel.encode(encoder, buffers, { numSequences, numTokens }),
    async check() {
      const { buffer } = await arrays.read(buffers.credited, 0, 4 * numTokens);
      const actual = new Float32Array(buffer);
      const { offsets, lossMask, kinds, rewards, groupIds } = batch;
      const checked = checkBatch({ offsets, lossMask, rewards, groupIds });
      const before = baselineAdvantages(checked, { group: { scale: "group-std" } });
      const expected = hicraAdvantages(before, kinds, { alpha: 0.2, mode, lossMask, offsets });
      let worst = 0;
      for (let t = 0; t < numTokens; t++) {
        worst = Math.max(worst, Math.abs(actual[t]! - expected[t]!));
      }
      // Advantages of standardized 0/1 rewards are below 4; sums of 4,096 terms in f32.
      if (!(worst <= 1e-5)) {
        throw new Error(`Cannot trust the advantages as they are off by ${worst}`);
      }
      return `all tokens, off by at most ${worst.toExponential(1)}`;
    },
    destroy() {
      kernel.destroy();
      arrays.destroy();
    },
  };
}
