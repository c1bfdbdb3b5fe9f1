/**
 * Prints the n-grams of 2 to 5 words of rollouts, `prompts<TAB>words<TAB>text` a line, as the miner
 * counts them: what `mining/embed/models/build.py` fits word vectors to.
 *
 * @module
 */
import process from "node:process";
import { readSolutions, type Solution } from "../../files/mod.ts";
import { countNgrams } from "../../mining/mod.ts";

async function* readAll(files: readonly string[]): AsyncGenerator<Solution> {
  for (const file of files) yield* readSolutions(file);
}

const files = process.argv.slice(2);
const table = await countNgrams(readAll(files), { minWords: 2, maxWords: 5, minPrompts: 1 });
const lines = table.texts.map((text, gram) => {
  const numPrompts = table.promptOffsets[gram + 1]! - table.promptOffsets[gram]!;
  return `${numPrompts}\t${table.numWords[gram]}\t${text}\n`;
});
process.stdout.write(lines.join(""));
