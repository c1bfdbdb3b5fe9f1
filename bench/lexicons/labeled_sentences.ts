import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { InputRangeError, InputTypeError } from "../../batch/mod.ts";
import { readRollouts } from "../../files/mod.ts";

/** A sentence and its labels. */
export interface TaggedSentence {
  /** Range in the text, in UTF-16 code units, half-open. */
  readonly start: number;
  readonly end: number;
  /** Functions of the sentence. */
  readonly tags: readonly string[];
}

/** A text with a label for every sentence. */
export interface LabeledText {
  readonly text: string;
  readonly sentences: readonly TaggedSentence[];
}

/** One sentence of a trace, and what the source says of it. */
export interface LabeledSentence extends TaggedSentence {
  /** Signed change of accuracy when the sentence is replaced by another of different meaning. */
  readonly importanceAccuracy: number;
  /** KL divergence of the answers under the same replacement, nats; undefined if the file lacks it. */
  readonly importanceKl: number | undefined;
  /** Tenth of the trace that the sentence is in, 0 to 9, by its number: `floor(10 i / n)`. */
  readonly decile: number;
  /** Quarter of all sentences by length in code units, 0 to 3; equal lengths share the lower one. */
  readonly lengthQuartile: number;
}

/** A reasoning trace whose sentences are labeled. */
export interface LabeledTrace {
  readonly id: string;
  readonly text: string;
  readonly sentences: readonly LabeledSentence[];
}

/** Tags of the sentences that a strategic gram should be in: they guide the process. */
export const PLANNING_TAGS: readonly string[] = [
  // of Thought Anchors
  "plan_generation",
  "uncertainty_management",
  "self_checking",
  // of ReasoningFlow
  "planning",
  "reflection",
];

/** Whether a sentence has any of the planning tags. */
export function isPlanning({ tags }: Pick<TaggedSentence, "tags">): boolean {
  return tags.some((tag) => PLANNING_TAGS.includes(tag));
}

const DATA = new URL("../../tests/testdata/", import.meta.url);
/** The 20 traces that the repository ships. */
export const SHIPPED_LABELED: string = fileURLToPath(
  new URL("rollouts/r1_distill_8b_labelled.jsonl.gz", DATA),
);
const SHIPPED_KL = new URL("importance_kl/r1_distill_8b_labelled.jsonl.gz", DATA);

/** A sentence as a rollout file holds it. */
interface SentenceRecord extends TaggedSentence {
  readonly "counterfactual_importance": number;
  readonly "counterfactual_importance_kl"?: number;
}

/** KL importance of the sentences of one trace. */
interface KlRecord {
  readonly "prompt_id": string;
  readonly "counterfactual_importance_kl": readonly number[];
}

/**
 * Reads traces whose sentences are labeled: a rollout file with `sentences` on every line, as
 * `tests/testdata/rollouts/README.md` describes it. A file of the user's may have
 * `counterfactual_importance_kl` in its sentences; that of the shipped traces lies in a file of its own.
 *
 * @param path A file; left out for the 20 traces that the repository ships.
 * @returns The traces, in the order of the file.
 * @throws {TypeError} If a rollout has no sentences, or a sentence lacks what is measured.
 * @throws {RangeError} If the file is empty, or a sentence lies outside its completion.
 */
export async function loadLabeledTraces(
  path: string = SHIPPED_LABELED,
): Promise<LabeledTrace[]> {
  const kl = path === SHIPPED_LABELED ? await readKl() : undefined;
  const rollouts = await Array.fromAsync(readRollouts(path));
  if (rollouts.length === 0) {
    throw new InputRangeError(`Cannot score on ${path} as it must hold a rollout: it is empty`);
  }
  const traces = rollouts.map((rollout, r) => {
    const text = rollout.completion ?? "";
    const where = `${path}: rollout ${r}`;
    const sentences = checkSentences<SentenceRecord>(where, rollout.sentences, text, {
      isMeasured: true,
    });
    return { id: rollout.prompt_id, text, sentences, kl: kl?.[r] };
  });
  for (const [t, { id, sentences, kl }] of traces.entries()) {
    if (kl === undefined) continue;
    if (
      kl.prompt_id !== id || kl.counterfactual_importance_kl.length !== sentences.length
    ) {
      throw new InputRangeError(
        `Cannot read KL importance as line ${t} must hold ${sentences.length} sentences of ${id}: ` +
          `it holds ${kl.counterfactual_importance_kl.length} of ${kl.prompt_id}`,
      );
    }
  }
  return placeSentences(
    traces.map(({ id, text, sentences, kl }) => ({
      id,
      text,
      sentences: sentences.map((sentence, i) => ({
        start: sentence.start,
        end: sentence.end,
        tags: sentence.tags,
        importanceAccuracy: sentence.counterfactual_importance,
        importanceKl: kl?.counterfactual_importance_kl[i] ?? sentence.counterfactual_importance_kl,
      })),
    })),
  );
}

/** A sentence before its place among all others is known. */
export type UnplacedSentence = Omit<LabeledSentence, "decile" | "lengthQuartile">;

/**
 * Gives every sentence its position decile in the trace and its length quartile among all sentences.
 *
 * @param traces Traces with their sentences in order.
 * @returns The same with `decile` and `lengthQuartile`.
 */
export function placeSentences(
  traces: readonly {
    readonly id: string;
    readonly text: string;
    readonly sentences: readonly UnplacedSentence[];
  }[],
): LabeledTrace[] {
  const lengths = traces.flatMap(({ sentences }) => sentences.map(({ start, end }) => end - start));
  const sorted = Int32Array.from(lengths).sort();
  // The largest length of each of the three lower quarters.
  const limits = [1, 2, 3].map((q) => sorted[Math.max(0, Math.ceil(q * sorted.length / 4) - 1)]!);
  return traces.map(({ id, text, sentences }) => ({
    id,
    text,
    sentences: sentences.map((sentence, i) => ({
      ...sentence,
      decile: Math.floor(10 * i / sentences.length),
      lengthQuartile: limits.filter((limit) => sentence.end - sentence.start > limit).length,
    })),
  }));
}

async function readKl(): Promise<KlRecord[]> {
  const text = gunzipSync(await readFile(SHIPPED_KL)).toString("utf8");
  return text.trimEnd().split("\n").map((line) => JSON.parse(line) as KlRecord);
}

/** Checks the sentences of a rollout; `isMeasured` asks for their importance too. */
export function checkSentences<Sentence extends TaggedSentence>(
  where: string,
  value: unknown,
  text: string,
  { isMeasured = false }: { readonly isMeasured?: boolean } = {},
): Sentence[] {
  if (!Array.isArray(value)) {
    throw new InputTypeError(
      `Cannot score on ${where} as sentences must be an array: current value is ` +
        JSON.stringify(value),
    );
  }
  for (const [i, sentence] of value.entries()) {
    const { start, end, tags, counterfactual_importance: importance } = sentence ?? {};
    if (!Array.isArray(tags) || (isMeasured && !Number.isFinite(importance))) {
      throw new InputTypeError(
        `Cannot score on ${where} as sentences[${i}] must have tags${
          isMeasured ? " and a finite counterfactual_importance" : ""
        }: current value is ${JSON.stringify(sentence)}`,
      );
    }
    if (!(Number.isInteger(start) && 0 <= start && start < end && end <= text.length)) {
      throw new InputRangeError(
        `Cannot score on ${where} as sentences[${i}] must lie inside the completion of ` +
          `${text.length} characters: it is [${start}, ${end})`,
      );
    }
  }
  return value;
}
