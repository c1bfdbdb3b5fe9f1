import { type Comparison, scattered } from "../_self_check.ts";
import { type Neighbours, neighbours } from "./reference.ts";
import { TILE_ROWS } from "./shader.ts";

/** Lists both ways the neighbours of rows that lie around five directions, in more than one tile. */
export async function compareNeighbours(
  compute: (vectors: Float32Array) => Promise<Neighbours>,
  { dimensions, epsilon }: { readonly dimensions: number; readonly epsilon: number },
): Promise<Comparison[]> {
  const rows = TILE_ROWS + 6;
  const around = scattered(5 * dimensions);
  const vectors = Float32Array.from(
    scattered(rows * dimensions),
    (value, i) => {
      const direction = Math.floor(i / dimensions) % 5;
      return 1.5 * around[direction * dimensions + i % dimensions]! + 0.5 * value + 0.01;
    },
  );
  const expected = neighbours(vectors, dimensions, { epsilon });
  const actual = await compute(vectors);
  return [
    { name: "offsets", actual: actual.offsets, expected: expected.offsets },
    { name: "indices", actual: actual.indices, expected: expected.indices },
  ];
}
