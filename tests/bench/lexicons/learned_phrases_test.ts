import assert from "node:assert/strict";
import { learnedScores } from "../../../bench/lexicons/corpus_scores.ts";
import type { LabeledCorpus } from "../../../bench/lexicons/labeled_corpora.ts";
import {
  countLabeledPhrases,
  learnPhrases,
  phrasesOf,
} from "../../../bench/lexicons/learned_phrases.ts";

/** A corpus of one sentence a text, each with whether it plans. */
function corpusOf(
  family: string,
  sentences: readonly [text: string, plans: boolean][],
): LabeledCorpus {
  return {
    name: `reasoningflow_silver, ${family}`,
    family,
    labeledBy: "",
    texts: sentences.map(([text, plans], i) => ({
      text,
      prompt: `${family} ${i}`,
      sentences: [{ start: 0, end: text.length, tags: [plans ? "planning" : "reasoning"] }],
    })),
  };
}

const times = <T>(count: number, value: T): T[] => Array<T>(count).fill(value);

const CORPORA = [
  corpusOf("A", [
    ...times<[string, boolean]>(20, ["Let me check that.", true]),
    ...times<[string, boolean]>(20, ["So we get three.", false]),
  ]),
  corpusOf("B", [
    ...times<[string, boolean]>(20, ["Let me see now.", true]),
    ...times<[string, boolean]>(20, ["We get four here.", false]),
  ]),
  corpusOf("C", times<[string, boolean]>(20, ["We get five, let me see.", true])),
];

Deno.test("phrasesOf() gives n-grams of words and words before a comma, folded", () => {
  assert.deepEqual(
    [...phrasesOf("So, WAIT \u2013 don\u2019t re-check x.")],
    ["so,", "so, wait", "don't re-check", "don't re-check x", "re-check x"],
  );
  assert.deepEqual([...phrasesOf("Hmm.")], []);
});

Deno.test("learnPhrases() takes the shortest phrases of two corpora that mostly plan", () => {
  const evidence = countLabeledPhrases(CORPORA);
  assert.deepEqual([...evidence.sentences], [40, 40, 20]);
  assert.deepEqual([...evidence.planning], [20, 20, 20]);
  const of = evidence.phrases.get("we get")!;
  assert.deepEqual([[...of.sentences], [...of.planning]], [[20, 20, 20], [0, 0, 20]]);
  const texts = (leftOut?: ReadonlySet<number>) =>
    learnPhrases(evidence, 0.8, leftOut)?.grams.map(({ text }) => text);
  // "let me" is in all three, "me see" in two; "let me see" holds one, "we get" plans in a third.
  assert.deepEqual(texts(), ["let me", "me see"]);
  assert.deepEqual(texts(new Set([2])), ["let me"]);
  assert.equal(texts(new Set([1, 2])), undefined);
});

Deno.test("learnedScores() looks at no label of the family that it scores", () => {
  const { lexicons, corpora } = learnedScores(CORPORA, { seed: 0 });
  assert.equal(lexicons.at(-1), "bound 0.8");
  const [a, , c] = corpora.map(({ scores }) => scores.at(-1)!);
  // Of B and C come "let me" and "me see", of A and B "let me": each finds all that plans.
  assert.deepEqual([a!.precision.value, a!.recall.value], [1, 1]);
  assert.deepEqual([c!.precision.value, c!.recall.value], [1, 1]);
  const alone = learnedScores(CORPORA.slice(0, 2), { seed: 0 }).corpora[0]!.scores[0]!;
  assert.deepEqual([alone.matchedSentences, alone.recall.value], [0, 0]);
});
