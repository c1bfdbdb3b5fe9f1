import { type CheckedBatch, InputRangeError } from "../batch/mod.ts";
import { TokenClass } from "./_class_sums.ts";

/** What spans say of a batch. */
export interface SpanCounts {
  /** Spans of measured sequences. */
  readonly spans: number;
  /** Distinct grams of each sequence, added up. */
  readonly distinct: number;
  /** Spans by gram index. */
  readonly grams: ReadonlyMap<string, number>;
  /** Spans by `"gram:id,id,..."`, where the following n-gram is whole. */
  readonly followers: ReadonlyMap<string, number>;
}

/**
 * Counts spans, and what follows them: n execution tokens in a row, of the span's own run.
 *
 * @param batch The batch.
 * @param spans `[3 * spans]`: start token, end token, gram index.
 * @param classes `[tokens]`: {@linkcode TokenClass}.
 * @param followerLength n.
 * @throws {RangeError} If a span is not ascending, not trained tokens of one sequence, or its gram
 * index is negative.
 */
export function spanCounts(
  batch: CheckedBatch,
  spans: Int32Array,
  classes: Uint8Array,
  followerLength: number,
): SpanCounts {
  const { offsets, tokenIds, segmentIds } = batch;
  if (spans.length % 3 !== 0) {
    throw new InputRangeError(
      `Cannot measure as spans must hold three values per span: current length is ${spans.length}`,
    );
  }
  const counts = new Map<number, number>();
  const lastSequence = new Map<number, number>();
  const followers = new Map<string, number>();
  let measured = 0;
  let distinct = 0;
  let s = 0;
  for (let k = 0; k < spans.length; k += 3) {
    const start = spans[k]!;
    const end = spans[k + 1]!;
    const gram = spans[k + 2]!;
    while (s < batch.numSequences && offsets[s + 1]! <= start) s++;
    checkSpan(batch, spans, k, s);
    if (classes[start] === TokenClass.leftOut) continue;
    measured++;
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
    if (lastSequence.get(gram) !== s) {
      lastSequence.set(gram, s);
      distinct++;
    }
    const last = end + followerLength;
    if (tokenIds === undefined || last > offsets[s + 1]!) continue;
    let whole = true;
    for (let i = end; i < last && whole; i++) {
      whole = classes[i] === TokenClass.execution &&
        (segmentIds === undefined || segmentIds[i] === segmentIds[end - 1]);
    }
    if (!whole) continue;
    const key = `${gram}:${tokenIds.subarray(end, last).join(",")}`;
    followers.set(key, (followers.get(key) ?? 0) + 1);
  }
  const grams = new Map(Array.from(counts, ([gram, count]) => [String(gram), count]));
  return { spans: measured, distinct, grams, followers };
}

function checkSpan(batch: CheckedBatch, spans: Int32Array, k: number, s: number): void {
  const { offsets, lossMask, numSequences } = batch;
  const [start, end, gram] = spans.subarray(k, k + 3) as Iterable<number> as [
    number,
    number,
    number,
  ];
  const problem = k > 0 && start < spans[k - 3]!
    ? `starts must not decrease`
    : start < 0 || end <= start
    ? "a span must hold at least one token, its start 0 or more"
    : s === numSequences || end > offsets[s + 1]!
    ? "a span must lie in one sequence"
    : gram < 0
    ? "a gram index must be 0 or more"
    : lossMask.subarray(start, end).includes(0)
    ? "a span must hold only tokens whose lossMask is 1"
    : null;
  if (problem !== null) {
    throw new InputRangeError(
      `Cannot measure as ${problem}: span ${k / 3} is [${start}, ${end}, ${gram}]`,
    );
  }
}
