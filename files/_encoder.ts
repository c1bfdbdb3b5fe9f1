import { Tokenizer } from "@huggingface/tokenizers";
import { InputRangeError, InputTypeError } from "../batch/mod.ts";
import { encoderLimits, modelType } from "./_encoder_limits.ts";

/** Encodes a text into token ids without adding special tokens. */
export type Encode = (text: string) => Int32Array;

/** Makes the encoder that `loadTokenizer` describes; throws where the file has what it does not obey. */
export function createEncoder(content: object, name: string): Encode {
  const limits = encoderLimits(content as Record<string, unknown>);
  if (limits.unobeyed.length > 0) throw notObeyed(name, limits.unobeyed);
  const loaded = createTokenizer(content, name);
  const changed = changedTokens(loaded, content);
  if (changed.length > 0) throw notObeyed(name, changed);
  return (text) => {
    for (const { field, characters } of limits.misread) checkCharacters(text, field, characters);
    const { ids, tokens } = encode(loaded, text);
    const found = new Map<string, number>(); // of the tokens that must stand in the text
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i];
      const token = tokens[i]!;
      if (token === UNKNOWN || typeof id !== "number") {
        throw new InputRangeError(
          `Cannot encode the text as the vocabulary of ${name} must hold all of it: it lacks ` +
            `${token === UNKNOWN ? "a character" : JSON.stringify(token)}, and there is no ` +
            `unknown token, ${WAY_OUT}`,
        );
      }
      if (id === limits.fusedUnknown) {
        throw new InputRangeError(
          `Cannot encode the text as the encoder fuses the unknown tokens of neighboring pieces: ` +
            `it holds what the vocabulary of ${name} does not, ${WAY_OUT}`,
        );
      }
      if (limits.literal.has(token)) found.set(token, (found.get(token) ?? 0) + 1);
    }
    for (const [token, count] of found) {
      if (text.split(token).length > count) continue;
      throw new InputRangeError(
        `Cannot encode the text as an added token must stand in it as it is: only normalized it ` +
          `holds ${JSON.stringify(token)}, ${WAY_OUT}`,
      );
    }
    return Int32Array.from(ids);
  };
}

/** The encoder finds a normalized token as it stands too, the reference only as the normalizer leaves it. */
function changedTokens({ normalizer }: Tokenizer, content: object): string[] {
  const { added_tokens: tokens } = content as { readonly added_tokens: readonly AddedToken[] };
  return tokens.flatMap(({ content, normalized }, i) => {
    const text = normalized && normalizer ? normalizer.normalize(content) : content;
    if (text === content) return [];
    return `added_tokens[${i}].normalized true, as that makes ${JSON.stringify(text)} of it`;
  });
}

interface AddedToken {
  readonly content: string;
  readonly normalized?: boolean;
}

function notObeyed(name: string, fields: readonly string[]): InputTypeError {
  return new InputTypeError(
    `Cannot encode with ${name} as the encoder must obey all of it: it does not obey ` +
      `${fields.join("; ")}, ${WAY_OUT}`,
  );
}

const WAY_OUT = "give the token ids of the rollouts instead, as Python's tokenizers makes them";

/** Stands for a missing unknown token, so that the encoder leaves nothing out. */
const UNKNOWN = "\u0000unknown";

function checkCharacters(text: string, field: string, characters: RegExp): void {
  const match = characters.exec(text);
  if (match === null) return;
  const code = match[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  throw new InputRangeError(
    `Cannot encode the text as the encoder reads a character otherwise than ${field} asks: ` +
      `it holds U+${code} at ${match.index}, ${WAY_OUT}`,
  );
}

function encode(loaded: Tokenizer, text: string): { ids: number[]; tokens: string[] } {
  try {
    return loaded.encode(text, { add_special_tokens: false });
  } catch (error) {
    // A stretch of a Unigram model is one call with as many arguments as it has tokens.
    if (!(error instanceof RangeError)) throw error;
    throw new InputRangeError(
      `Cannot encode the text as the encoder takes no stretch of so many tokens: it holds ` +
        `${text.length} characters, ${WAY_OUT}`,
      { cause: error },
    );
  }
}

function createTokenizer(content: object, name: string): Tokenizer {
  try {
    return new Tokenizer(withDefaults(content), {});
  } catch (error) {
    throw new InputTypeError(
      `Cannot load ${name} as it must be a Hugging Face tokenizer.json of a known kind: ` +
        (error as Error).message,
      { cause: error },
    );
  }
}

/** The file with a kind of model and an unknown token, where it states neither. */
function withDefaults(content: object): object {
  const { model } = content as { readonly model?: Readonly<Record<string, unknown>> };
  if (typeof model !== "object" || model === null) return content;
  const type = modelType(model);
  const unknown = type === "BPE" && { unk_token: model.unk_token ?? UNKNOWN };
  return { ...content, model: { ...model, type, ...unknown } };
}
