/**
 * Writes phrases to be labeled by `bench/lexicons/labeling.md`, blind and shuffled, a JSON object a line:
 * `deno run -A bench/lexicons/sample_for_labeling.ts --lexicon NAME|FILE --out FILE`. The labeler adds
 * `"label": true` or `false`; the lines then go into `labels.jsonl`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { InputRangeError, InputTypeError } from "../../batch/mod.ts";
import { loadLexicon, writeJsonl } from "../../files/mod.ts";
import { loadCorpora } from "../corpora.ts";
import { blindSample } from "./blind_sample.ts";
import { loadLabels } from "./functional_labels.ts";

const { values } = parseArgs({
  options: {
    lexicon: { type: "string" },
    out: { type: "string" },
    rollouts: { type: "string", multiple: true, default: [] },
    grams: { type: "string", default: "400" },
    random: { type: "string", default: "100" },
    "min-words": { type: "string", default: "3" },
    seed: { type: "string", default: "0" },
  },
});
if (values.lexicon === undefined || values.out === undefined) {
  throw new InputTypeError("Usage: sample_for_labeling.ts --lexicon NAME|FILE --out FILE");
}
const corpora = await loadCorpora(values.rollouts);
const phrases = blindSample(
  await loadLexicon(values.lexicon),
  corpora.flatMap(({ rollouts }) => rollouts.flatMap(({ completion }) => completion ?? [])),
  {
    grams: wholeNumber("grams", values.grams),
    random: wholeNumber("random", values.random),
    words: [wholeNumber("min-words", values["min-words"]), 5],
    seed: wholeNumber("seed", values.seed),
    labeled: new Set((await loadLabels())?.keys()),
  },
);
await writeJsonl(values.out, phrases.map((text) => ({ text })));
console.error(`${phrases.length} phrases: ${values.out}`);

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0) {
    throw new InputRangeError(
      `Cannot sample phrases as --${flag} must be a whole number from 0: current value is "${text}"`,
    );
  }
  return value;
}
