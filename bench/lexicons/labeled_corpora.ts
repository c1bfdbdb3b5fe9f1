import { fileURLToPath } from "node:url";
import { basename } from "node:path";
import { InputRangeError } from "../../batch/mod.ts";
import { readRollouts } from "../../files/mod.ts";
import { checkSentences, type LabeledText, SHIPPED_LABELED } from "./labeled_sentences.ts";

/** Texts of one model, or of one file, with a label for every sentence. */
export interface LabeledCorpus {
  readonly name: string;
  /** The family of its model, where that is known: what learns is scored on families that it has not seen. */
  readonly family: string;
  /** Who gave the labels, where it is known. */
  readonly labeledBy: "people" | "a language model" | "";
  readonly texts: readonly (LabeledText & { readonly prompt: string })[];
}

interface Shipped {
  readonly file: string;
  readonly labeledBy: LabeledCorpus["labeledBy"];
}

/** Families of models by how their names begin; a distillate is of its teacher's. */
const FAMILY = /^(?:DeepSeek-R1|DeepSeek-V3|QwQ|Qwen|Llama|gpt-oss|Kimi)/;

const LABELED = new URL("../../tests/testdata/labeled/", import.meta.url);
const inFolder = (name: string): string => fileURLToPath(new URL(`${name}.jsonl.gz`, LABELED));

/** Where the sentences are whose labels are shipped. */
export const SHIPPED_CORPORA: readonly Shipped[] = [
  { file: inFolder("reasoningflow_human"), labeledBy: "people" },
  { file: SHIPPED_LABELED, labeledBy: "a language model" },
  { file: inFolder("reasoningflow_silver"), labeledBy: "a language model" },
];

/**
 * Reads corpora whose sentences are labeled: rollout files with `sentences: [{ start, end, tags }]`, ranges in
 * UTF-16 code units of the completion. A file with rollouts of several `model`s is a corpus for each.
 *
 * @param files Files of the user's, read besides those that are shipped.
 * @returns The corpora, those of people first.
 * @throws {TypeError} If a rollout has no sentences, or one of them no tags.
 * @throws {RangeError} If a file is empty, or a sentence lies outside its completion.
 */
export async function loadLabeledCorpora(files: readonly string[] = []): Promise<LabeledCorpus[]> {
  const all = [...SHIPPED_CORPORA, ...files.map((file): Shipped => ({ file, labeledBy: "" }))];
  const corpora: LabeledCorpus[] = [];
  for (const { file, labeledBy } of all) {
    const byModel = new Map<string, (LabeledText & { prompt: string })[]>();
    let r = 0;
    for await (const rollout of readRollouts(file)) {
      const { model, completion: text = "", sentences } = rollout;
      const where = `${file}: rollout ${r++}`;
      byModel.getOrInsert(String(model ?? ""), []).push({
        text,
        prompt: rollout.prompt_id,
        sentences: checkSentences(where, sentences, text),
      });
    }
    if (r === 0) throw new InputRangeError(`Cannot score on ${file} as it must hold a rollout`);
    const source = basename(file).replace(/\.jsonl(\.gz)?$/, "");
    for (const [model, texts] of byModel) {
      const name = model === "" ? source : `${source}, ${model}`;
      corpora.push({
        name,
        family: FAMILY.exec(model)?.[0] ?? name,
        labeledBy,
        texts,
      });
    }
  }
  return corpora;
}
