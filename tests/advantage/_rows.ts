import fc from "fast-check";
import type { Credit, TransformContext } from "../../advantage/mod.ts";
import { checkBatch } from "../../batch/mod.ts";

/** One rollout of a test batch, token by token. */
export interface Row {
  groupId: number;
  tokens: {
    id: number;
    advantage: number;
    loss: number;
    segment: number;
    /** 0 off the planning mask, else the code of a kind. */
    kind: number;
    entropy: number;
    logprob: number;
  }[];
}

/** Advantages of ordinary size, with zeros of both signs. */
const advantage = fc.oneof(
  fc.float({ min: -4, max: 4, noNaN: true }),
  fc.constantFrom(0, -0, 1, -1),
);

/** Random ragged batches: empty rows, untrained tokens, several segments, unsorted groups. */
export const rowsArbitrary: fc.Arbitrary<Row[]> = fc.array(
  fc.record({
    groupId: fc.integer({ min: 0, max: 2 }),
    tokens: fc.array(
      fc.record({
        id: fc.integer({ min: 0, max: 9 }),
        advantage,
        loss: fc.constantFrom(1, 1, 1, 0),
        segment: fc.constantFrom(0, 0, 0, 1),
        kind: fc.constantFrom(0, 0, 0, 1, 2, 3, 4),
        entropy: fc.float({ min: 0, max: 6, noNaN: true }),
        logprob: fc.float({ min: -12, max: 0, noNaN: true }),
      }),
      { maxLength: 12 },
    ),
  }),
  { maxLength: 6 },
);

/** The batch that rows make, and the credit to start from. */
export function fromRows(
  rows: Row[],
): { credit: Required<Pick<Credit, "kinds">> & Credit; context: TransformContext } {
  const tokens = rows.flatMap((row) => row.tokens);
  const offsets = Int32Array.of(0, ...rows.map((row) => row.tokens.length));
  for (let s = 1; s < offsets.length; s++) offsets[s]! += offsets[s - 1]!;
  const batch = checkBatch({
    offsets,
    groupIds: Int32Array.from(rows, (row) => row.groupId),
    tokenIds: Int32Array.from(tokens, (token) => token.id),
    lossMask: Uint8Array.from(tokens, (token) => token.loss),
    segmentIds: Int32Array.from(tokens, (token) => token.segment),
    entropies: Float32Array.from(tokens, (token) => token.entropy),
    oldLogprobs: Float32Array.from(tokens, (token) => token.logprob),
  });
  const kinds = Uint8Array.from(tokens, (token) => token.kind);
  return {
    credit: {
      advantages: Float32Array.from(tokens, (token) => token.advantage),
      planningMask: kinds.map((kind) => Math.min(kind, 1)),
      kinds,
    },
    context: { batch, step: 3, signals: {} },
  };
}
