import {
  type CheckedBatch,
  Flag,
  InputTypeError,
  type PlanningTokens,
  tokenAdvantages,
} from "../batch/mod.ts";
import { GRAM_KINDS, type GramKind, type SgMatcher, type TokenBytes } from "../sg/mod.ts";

/** Consecutive tokens of a rollout that are shown alike. */
export interface TraceSegment {
  /** What the tokens spell. A character spread over tokens stands with the first of them. */
  readonly text: string;
  /** Number of tokens. */
  readonly numTokens: number;
  /** Sampled by the policy and trained on. */
  readonly trained: boolean;
  /** Kind of the strategic gram; "planning" where nobody said; absent on execution tokens. */
  readonly mark?: GramKind | "planning";
  /** The strategic gram, where a span covers the tokens. */
  readonly gram?: string;
  /** The tokens' advantage, where it is known and they are planning tokens or a transform moved it. */
  readonly advantage?: AdvantageShift;
}

/** An advantage before and, if known, after the transforms. */
export interface AdvantageShift {
  /** The host's. */
  readonly before: number;
  /** That of the transforms. */
  readonly after?: number;
}

/** One rollout, ready to be shown: `traceAnsi` for terminals, `traceHtml` for pages. */
export interface Trace {
  /** The rollouts of one prompt share it. */
  readonly promptId: string;
  /** Text of the prompt, if known. */
  readonly prompt?: string;
  /** Scalar reward, if known. */
  readonly reward?: number;
  /** The reward is above `correctAbove`; absent without a reward. */
  readonly correct?: boolean;
  /** Cut at the length limit. */
  readonly truncated: boolean;
  /** What the numbers count, where it is not tokens. */
  readonly unit?: "byte";
  /** Number of trained tokens. */
  readonly numTokens: number;
  /** Number of planning tokens. */
  readonly numPlanning: number;
  /** Number of spans, if they are known and the mask is theirs. */
  readonly numSpans?: number;
  /** Mean advantage of the trained tokens, if known. */
  readonly advantage?: AdvantageShift;
  /** The completion, in order. */
  readonly segments: readonly TraceSegment[];
}

/** What a matcher found in a batch, and what a hook made of its advantages. */
export interface TracedTokens extends PlanningTokens {
  /** `[tokens]`: advantages after the transforms. */
  readonly advantages?: Float32Array;
}

/** Options of {@linkcode traceRollouts}. */
export interface TraceOptions {
  /** The matcher, or its lexicon and token bytes. */
  readonly matcher: Pick<SgMatcher, "lexicon" | "tokens">;
  /** Set to `"byte"` where the text was cut by `byteTokenizer`. */
  readonly unit?: "byte";
  /** Which sequences to show, in this order. Default: all. */
  readonly sequences?: readonly number[];
  /** `[sequences]`: what is known of each rollout, such as the lines of a rollout file. */
  readonly rollouts?: readonly {
    readonly "prompt_id"?: string;
    readonly [field: string]: unknown;
  }[];
  /** A rollout is correct if its reward is above this. @default {0} */
  readonly correctAbove?: number;
}

/**
 * Turns the rollouts of a batch into traces: text cut where the mark, the gram or the advantage
 * changes. Each is made when it is asked for.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromGrams, SgMatcher, tokenBytes } from "@hicra/hicra/sg";
 * import { checkBatch } from "@hicra/hicra/batch";
 * import { traceRollouts } from "@hicra/hicra/view";
 * import assert from "node:assert/strict";
 *
 * const tokens = tokenBytes({
 *   model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1, ",": 2, "Ġno": 3 }, merges: [] },
 *   decoder: { type: "ByteLevel" },
 *   added_tokens: [],
 * });
 * const matcher = SgMatcher.compile(lexiconFromGrams(["but wait"], { name: "mine" }), tokens);
 * const batch = checkBatch({
 *   offsets: Int32Array.of(0, 4),
 *   tokenIds: Int32Array.of(0, 1, 2, 3),
 *   lossMask: Uint8Array.of(1, 1, 1, 1),
 * });
 * const [trace] = traceRollouts(batch, matcher.match(batch), { matcher });
 * assert.deepEqual(trace!.segments.map(({ text, mark }) => [text, mark]), [
 *   ["But wait", "other"],
 *   [", no", undefined],
 * ]);
 * ```
 *
 * @param batch A checked batch with `tokenIds`; its `advantages` are those before the transforms.
 * @param planning What a hook returned, or `matcher.match`.
 * @param options The matcher, and what else to show.
 * @returns The traces, one for each sequence shown.
 * @throws {TypeError} If the batch has no `tokenIds`.
 */
export function* traceRollouts(
  batch: CheckedBatch,
  planning: TracedTokens,
  options: TraceOptions,
): Generator<Trace, void, undefined> {
  if (batch.tokenIds === undefined) {
    throw new InputTypeError(
      "Cannot trace rollouts as batch.tokenIds is missing: pass the token ids",
    );
  }
  const { offsets, lossMask, rewards, flags } = batch;
  const { planningMask, advantages: after } = planning;
  // A transform such as shuffle-mask draws a new mask; the spans are not those of that mask.
  const spans = planning.spans && isCovered(planning.spans, planningMask)
    ? planning.spans
    : undefined;
  const { matcher, rollouts, unit, correctAbove = 0 } = options;
  const { sequences = Array.from({ length: offsets.length - 1 }, (_, s) => s) } = options;
  const before = batch.advantages && tokenAdvantages(batch);
  const segmentsOf = segmenter(batch, planning, spans, matcher);
  const meanShift = (start: number, end: number): AdvantageShift => ({
    before: meanOf(before!, lossMask, start, end),
    ...(after && { after: meanOf(after, lossMask, start, end) }),
  });
  for (const s of sequences) {
    const [start, end] = [offsets[s]!, offsets[s + 1]!];
    const numTokens = countOnes(lossMask, start, end);
    const rollout = rollouts?.[s];
    const reward = rewards?.[s];
    yield {
      promptId: rollout?.prompt_id ?? `rollout ${s}`,
      ...(typeof rollout?.prompt === "string" && { prompt: rollout.prompt }),
      ...(Number.isFinite(reward) &&
        { reward: reward!, correct: reward! > Math.fround(correctAbove) }),
      truncated: ((flags?.[s] ?? 0) & Flag.truncated) !== 0,
      ...(unit && { unit }),
      numTokens,
      numPlanning: countOnes(planningMask, start, end),
      ...(spans && { numSpans: firstSpan(spans, end) - firstSpan(spans, start) }),
      ...(before && numTokens > 0 && { advantage: meanShift(start, end) }),
      segments: segmentsOf(start, end),
    };
  }
}

/** Cuts tokens `[start, end)` into segments. */
function segmenter(
  batch: CheckedBatch,
  { planningMask, kinds, advantages: after }: Omit<TracedTokens, "spans">,
  spans: Int32Array | undefined,
  { tokens, lexicon }: Pick<SgMatcher, "lexicon" | "tokens">,
): (start: number, end: number) => TraceSegment[] {
  const { tokenIds, lossMask } = batch;
  const before = batch.advantages && tokenAdvantages(batch);
  const spanAt = spans && spanOfTokens(spans, batch.numTokens);
  const showsShift = (token: number): boolean =>
    before !== undefined && lossMask[token] === 1 &&
    (planningMask[token] === 1 || (after !== undefined && after[token] !== before[token]));
  const isAlike = (a: number, b: number): boolean => {
    if (planningMask[a] !== planningMask[b] || lossMask[a] !== lossMask[b]) return false;
    if (planningMask[a] === 1 && (kinds?.[a] !== kinds?.[b] || spanAt?.[a] !== spanAt?.[b])) {
      return false;
    }
    if (showsShift(a) !== showsShift(b)) return false;
    return !showsShift(a) || (before![a] === before![b] && after?.[a] === after?.[b]);
  };
  const describe = (token: number): Omit<TraceSegment, "text" | "numTokens"> => {
    const kind = GRAM_KINDS[(kinds?.[token] ?? 0) - 1];
    const span = spanAt?.[token] ?? NO_SPAN;
    const gram = span === NO_SPAN ? undefined : lexicon.grams[spans![3 * span + 2]!]!.text;
    return {
      trained: lossMask[token] === 1,
      ...(planningMask[token] === 1 && { mark: kind ?? "planning", ...(gram && { gram }) }),
      ...(showsShift(token) && {
        advantage: { before: before![token]!, ...(after && { after: after[token]! }) },
      }),
    };
  };
  return (start, end) => {
    const cuts: number[] = [];
    for (let i = start; i < end; i++) if (i === start || !isAlike(i - 1, i)) cuts.push(i);
    return spell(tokenIds!, [...cuts, end], tokens).map((text, k) => ({
      text,
      numTokens: (cuts[k + 1] ?? end) - cuts[k]!,
      ...describe(cuts[k]!),
    }));
  };
}

function isCovered(spans: Int32Array, mask: Uint8Array): boolean {
  for (let k = 0; k < spans.length; k += 3) {
    if (mask.subarray(spans[k], spans[k + 1]).includes(0)) return false;
  }
  return true;
}

const NO_SPAN = -1;

/** `[tokens]`: the span that covers a token, the first of several. */
function spanOfTokens(spans: Int32Array, numTokens: number): Int32Array {
  const spanAt = new Int32Array(numTokens).fill(NO_SPAN);
  for (let span = spans.length / 3 - 1; span >= 0; span--) {
    spanAt.fill(span, spans[3 * span]!, spans[3 * span + 1]!);
  }
  return spanAt;
}

/** Number of spans that start before `token`. */
function firstSpan(spans: Int32Array, token: number): number {
  let [low, high] = [0, spans.length / 3];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[3 * middle]! < token) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The text between the cuts. A cut inside a character moves behind it, so that it is not torn. */
function spell(tokenIds: Int32Array, cuts: readonly number[], tokens: TokenBytes): string[] {
  const pieces: Uint8Array[] = [];
  const cutBytes = [0];
  let size = 0;
  for (let k = 1; k < cuts.length; k++) {
    for (let i = cuts[k - 1]!; i < cuts[k]!; i++) {
      const id = tokenIds[i]!;
      // An id outside the vocabulary is legal where lossMask is 0; it spells nothing.
      if (id < 0 || id >= tokens.vocabSize) continue;
      const piece = tokens.bytes.subarray(tokens.offsets[id], tokens.offsets[id + 1]);
      pieces.push(piece);
      size += piece.length;
    }
    cutBytes.push(size);
  }
  const bytes = new Uint8Array(size);
  let position = 0;
  for (const piece of pieces) {
    bytes.set(piece, position);
    position += piece.length;
  }
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const whole = cutBytes.map((cut, k) => k === 0 ? cut : characterStart(bytes, cut));
  return whole.slice(1).map((to, k) => decoder.decode(bytes.subarray(whole[k], to)));
}

/** The first byte from `position` on that begins a character, at most 3 bytes on. */
function characterStart(bytes: Uint8Array, position: number): number {
  for (let i = position; i < position + 3; i++) {
    if (i >= bytes.length || (bytes[i]! & 0xc0) !== 0x80) return i;
  }
  return position + 3;
}

function countOnes(mask: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) count += mask[i]!;
  return count;
}

function meanOf(values: Float32Array, lossMask: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) if (lossMask[i] === 1) sum += values[i]!;
  return sum / countOnes(lossMask, start, end);
}
