import fc from "fast-check";
import { checkBatch, type CheckedBatch } from "../../batch/mod.ts";
import type { PlanningTokens } from "../../metrics/mod.ts";

/** One rollout with all that can be measured of it; spans count from its own start. */
export interface Sequence {
  readonly lossMask: readonly number[];
  readonly planningMask: readonly number[];
  readonly tokenIds: readonly number[];
  readonly segmentIds: readonly number[];
  readonly oldLogprobs: readonly (number | null)[];
  readonly entropies: readonly (number | null)[];
  readonly advantages: readonly number[];
  readonly after: readonly number[];
  readonly spans: readonly (readonly number[])[];
  readonly reward: number | null;
  readonly group: number;
  readonly flag: number;
}

/** Packs sequences into what `measure` takes. */
export function pack(
  sequences: readonly Sequence[],
): {
  batch: CheckedBatch;
  marks: Pick<Required<PlanningTokens>, "planningMask" | "spans">;
  after: Float32Array;
} {
  const offsets = [0];
  for (const { lossMask } of sequences) offsets.push(offsets.at(-1)! + lossMask.length);
  const flat = (field: (sequence: Sequence) => readonly (number | null)[]) =>
    sequences.flatMap(field).map((value) => value ?? NaN);
  return {
    batch: checkBatch({
      offsets: Int32Array.from(offsets),
      lossMask: Uint8Array.from(flat((q) => q.lossMask)),
      tokenIds: Int32Array.from(flat((q) => q.tokenIds)),
      segmentIds: Int32Array.from(flat((q) => q.segmentIds)),
      oldLogprobs: Float32Array.from(flat((q) => q.oldLogprobs)),
      entropies: Float32Array.from(flat((q) => q.entropies)),
      advantages: Float32Array.from(flat((q) => q.advantages)),
      advantagesPer: "token",
      rewards: Float32Array.from(sequences, (q) => q.reward ?? NaN),
      groupIds: Int32Array.from(sequences, (q) => q.group),
      flags: Uint8Array.from(sequences, (q) => q.flag),
    }),
    marks: {
      planningMask: Uint8Array.from(flat((q) => q.planningMask)),
      spans: Int32Array.from(
        sequences.flatMap((q, s) =>
          q.spans.flatMap(([start, end, gram]) => [
            start! + offsets[s]!,
            end! + offsets[s]!,
            gram!,
          ])
        ),
      ),
    },
    after: Float32Array.from(flat((q) => q.after)),
  };
}

const bit = fc.integer({ min: 0, max: 1 });

/** Any finite float32, so that sums in float64 round and depend on the order of adding. */
const anyFloat = fc.float({ noNaN: true, noDefaultInfinity: true });

/** What a host may have measured: a value, or none. */
const measured = fc.oneof(
  { weight: 8, arbitrary: anyFloat.map(Math.abs) },
  fc.constantFrom(null, Infinity),
);

const token = fc.record({
  lossMask: fc.integer({ min: 0, max: 4 }).map((x) => Number(x > 0)),
  planningMask: bit,
  tokenId: fc.integer({ min: 0, max: 2 }),
  segmentId: fc.integer({ min: 0, max: 5 }).map((x) => Number(x > 4)),
  oldLogprob: measured.map((x) => x === null ? null : -x),
  entropy: measured,
  advantage: anyFloat,
  after: anyFloat,
  gram: fc.integer({ min: -4, max: 3 }),
});

/** Sequences of 0 to 8 tokens with single-token spans on trained tokens. */
export const anySequence: fc.Arbitrary<Sequence> = fc.record({
  tokens: fc.array(token, { maxLength: 8 }),
  reward: fc.constantFrom(-1, 0, Math.fround(0.1), 1, 2 ** 30, null, -Infinity),
  group: fc.integer({ min: -1, max: 3 }),
  flag: fc.constantFrom(0, 0, 0, 1, 2, 4),
}).map(({ tokens, ...rest }) => ({
  ...rest,
  lossMask: tokens.map((t) => t.lossMask),
  planningMask: tokens.map((t) => t.planningMask),
  tokenIds: tokens.map((t) => t.tokenId),
  segmentIds: tokens.map((t) => t.segmentId),
  oldLogprobs: tokens.map((t) => t.oldLogprob),
  entropies: tokens.map((t) => t.entropy),
  advantages: tokens.map((t) => t.advantage),
  after: tokens.map((t) => t.after),
  spans: tokens.flatMap((t, i) => t.lossMask === 1 && t.gram >= 0 ? [[i, i + 1, t.gram]] : []),
}));
