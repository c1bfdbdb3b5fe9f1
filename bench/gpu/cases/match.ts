import { MatchKernel } from "../../../kernels/mod.ts";
import { DEFAULT_LEXICON } from "../../../sg/mod.ts";
import { joinBatches } from "../../join_batches.ts";
import { loadSample } from "../../sample.ts";
import { DeviceArrays } from "../device_arrays.ts";
import type { GpuCase, PreparedCase, Scale } from "../gpu_case.ts";

/** Reading the id and the loss mask, writing the planning mask: what no method can do without. */
const BYTES_PER_TOKEN = 4 + 1 + 1;

/** Phrase matching on real traces under the tokenizer of Qwen3, repeated to the size. */
export const matchCase: GpuCase = {
  name: `phrase matching, lexicon ${DEFAULT_LEXICON}`,
  prepare: prepareMatch,
};

async function prepareMatch(device: GPUDevice, scale: Scale): Promise<PreparedCase> {
  const { batches, matcher } = await loadSample({ size: "quick" });
  const joined = joinBatches(batches);
  // A sixteenth: a batch of tokens is never as large as its logits.
  const copies = Math.max(1, Math.floor(scale.bytes / 16 / (8 * joined.numTokens)));
  const { offsets, tokenIds, lossMask, numTokens, numSequences } = joinBatches(batches, copies);
  const kernel = await MatchKernel.compile(device, matcher);
  const arrays = new DeviceArrays(device);
  const buffers = {
    offsets: arrays.of("offsets", offsets),
    tokenIds: arrays.of("tokenIds", tokenIds!),
    lossMask: arrays.of("lossMask", lossMask),
    text: arrays.empty("text", 4 * numTokens),
    planningMask: arrays.empty("planningMask", numTokens),
    matches: arrays.empty("matches", 4),
    status: arrays.empty("status", 8),
  };
  return {
    size: `${numTokens} tokens`,
    bytes: BYTES_PER_TOKEN * numTokens,
    encode: (encoder) => kernel.encode(encoder, buffers, { numSequences, numTokens }),
    async check() {
      const actual = await arrays.read(buffers.planningMask, 0, numTokens);
      const { planningMask } = matcher.match({ offsets, tokenIds: tokenIds!, lossMask });
      const off = actual.findIndex((bit, t) => bit !== planningMask[t]);
      if (off !== -1) throw new Error(`Cannot trust the planning mask as token ${off} is off`);
      return `all ${numTokens} tokens equal`;
    },
    destroy() {
      kernel.destroy();
      arrays.destroy();
    },
  };
}
