import type { StoredCorpus } from "../corpus/stored_corpus.ts";
import { corpusPass } from "./_corpus_pass.ts";
import type { CountCorpusOptions } from "./_count_options.ts";
import { cutExample } from "./_examples.ts";
import type { Quotation } from "./_gram_rows.ts";

/** The last pass: cuts examples out of the texts, in the order of the quotations. */
export async function quoteExamples(
  corpus: StoredCorpus,
  quotations: readonly Quotation[],
  options: CountCorpusOptions,
): Promise<string[]> {
  const order = Uint32Array.from(quotations.keys())
    .sort((a, b) => quotations[a]!.solution - quotations[b]!.solution);
  const examples = new Array<string>(quotations.length);
  let solution = 0;
  let next = 0;
  for await (const { text } of corpusPass(corpus, "examples", options)) {
    for (; quotations[order[next]!]?.solution === solution; next++) {
      const { from, to } = quotations[order[next]!]!;
      examples[order[next]!] = cutExample(text, from, to);
    }
    solution++;
  }
  return examples;
}
