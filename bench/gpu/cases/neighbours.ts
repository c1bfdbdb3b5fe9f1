import { NeighboursKernel } from "../../../kernels/mod.ts";
import { seededRandom } from "../../seeded_random.ts";
import { DeviceArrays } from "../device_arrays.ts";
import type { GpuCase, PreparedCase, Scale } from "../gpu_case.ts";

const DIMENSIONS = 128;
const EPSILON = 0.6;

/** Neighbours of every row, counted: one product of a matrix with itself. */
export const neighboursCase: GpuCase = {
  name: "cosine neighbours, counts",
  prepare: prepareCounts,
};

async function prepareCounts(device: GPUDevice, scale: Scale): Promise<PreparedCase> {
  // 32,768 rows in a full run, 1,024 in a quick one: the work grows with the square.
  const rows = scale.bytes >= 2 ** 30 ? 32_768 : 1_024;
  const vectors = unitVectors(rows);
  const kernel = await NeighboursKernel.compile(device, {
    dimensions: DIMENSIONS,
    epsilon: EPSILON,
  });
  const arrays = new DeviceArrays(device);
  const buffers = {
    vectors: arrays.of("vectors", vectors),
    counts: arrays.empty("counts", 4 * rows),
  };
  return {
    size: `${rows} x ${DIMENSIONS}`,
    bytes: 4 * rows * (DIMENSIONS + 1),
    operations: 2 * rows * rows * DIMENSIONS,
    encode: (encoder) => kernel.encodeCounts(encoder, buffers, { numRows: rows }),
    async check() {
      const { buffer } = await arrays.read(buffers.counts, 0, 4 * rows);
      const actual = new Uint32Array(buffer);
      // All pairs of a full run would take minutes in float64: some rows against all.
      const compared = 64;
      let off = 0;
      for (let i = 0; i < compared; i++) {
        // The kernel errs, by rounding, to the side of a neighbour too many.
        const [least, most] = [0, 1e-4].map((margin) =>
          countOf(vectors, rows, i, EPSILON + margin)
        );
        if (actual[i]! < least! || actual[i]! > most!) off++;
      }
      if (off > 0) {
        throw new Error(`Cannot trust the counts as ${off} of ${compared} rows are off`);
      }
      return `${compared} rows equal, but for rounding at epsilon`;
    },
    destroy() {
      kernel.destroy();
      arrays.destroy();
    },
  };
}

function countOf(vectors: Float32Array, rows: number, row: number, epsilon: number): number {
  let count = 0;
  for (let j = 0; j < rows; j++) {
    let product = 0;
    for (let d = 0; d < DIMENSIONS; d++) {
      product += vectors[row * DIMENSIONS + d]! * vectors[j * DIMENSIONS + d]!;
    }
    if (1 - product <= epsilon) count++;
  }
  return count;
}

/** Around 64 centres, so that there are neighbours. */
function unitVectors(rows: number): Float32Array {
  const random = seededRandom(7);
  const centres = Float64Array.from({ length: 64 * DIMENSIONS }, () => random() - 0.5);
  const vectors = new Float32Array(rows * DIMENSIONS);
  for (let i = 0; i < rows; i++) {
    const row = vectors.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS);
    for (let d = 0; d < DIMENSIONS; d++) {
      row[d] = centres[i % 64 * DIMENSIONS + d]! + random() - 0.5;
    }
    const norm = Math.hypot(...row);
    for (let d = 0; d < DIMENSIONS; d++) row[d]! /= norm;
  }
  return vectors;
}
