import { segmentSums, SegmentSumsKernel } from "../../../kernels/mod.ts";
import { seededRandom } from "../../seeded_random.ts";
import { DeviceArrays } from "../device_arrays.ts";
import type { GpuCase, PreparedCase, Scale } from "../gpu_case.ts";

const SEGMENT_TOKENS = 4_096;

/** Sums of entropies per sequence and class, execution and planning. */
export const segmentSumsCase: GpuCase = {
  name: "sums per sequence and class",
  prepare: prepareSums,
};

async function prepareSums(device: GPUDevice, scale: Scale): Promise<PreparedCase> {
  const numSegments = Math.max(2, Math.floor(scale.bytes / 16 / (4 * SEGMENT_TOKENS)));
  const numTokens = numSegments * SEGMENT_TOKENS;
  const random = seededRandom(7);
  const values = Float32Array.from({ length: numTokens }, () => 2 * random());
  const classes = Uint8Array.from({ length: numTokens }, () => Number(random() < 0.05));
  const offsets = Int32Array.from({ length: numSegments + 1 }, (_, s) => s * SEGMENT_TOKENS);
  const kernel = await SegmentSumsKernel.compile(device, { numClasses: 2 });
  const arrays = new DeviceArrays(device);
  const buffers = {
    values: arrays.of("values", values),
    classes: arrays.of("classes", classes),
    offsets: arrays.of("offsets", offsets),
    sums: arrays.empty("sums", 8 * numSegments),
    counts: arrays.empty("counts", 8 * numSegments),
  };
  return {
    size: `${numSegments} sequences, ${numTokens} tokens`,
    bytes: 5 * numTokens,
    operations: 0,
    encode: (encoder) => kernel.encode(encoder, buffers, { numTokens, numSegments }),
    async check() {
      const { buffer } = await arrays.read(buffers.sums, 0, 8 * numSegments);
      const actual = new Float32Array(buffer);
      const { sums } = segmentSums(values, offsets, { classes, numClasses: 2 });
      let worst = 0;
      for (let k = 0; k < sums.length; k++) {
        worst = Math.max(worst, Math.abs(actual[k]! / sums[k]! - 1));
      }
      if (!(worst <= 1e-5)) throw new Error(`Cannot trust the sums as they are off by ${worst}`);
      return `all sums, off by at most ${worst.toExponential(1)} of their size`;
    },
    destroy() {
      kernel.destroy();
      arrays.destroy();
    },
  };
}
