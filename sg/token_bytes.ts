import { InputRangeError, InputTypeError } from "../batch/mod.ts";

/** The bytes that every token id spells: what the matcher reads instead of decoded text. */
export interface TokenBytes {
  /** How the vocabulary writes its tokens. */
  readonly model: "byte-level" | "byte-fallback" | "wordpiece" | "unigram";
  /** Number of ids; the ids are `0 .. vocabSize - 1`. */
  readonly vocabSize: number;
  /** The bytes of all tokens, one after the other in the order of their ids. */
  readonly bytes: Uint8Array;
  /** `[vocabSize + 1]`: token `id` spells `bytes[offsets[id] .. offsets[id + 1])`. */
  readonly offsets: Int32Array;
  /** `[vocabSize]`, 1 = a special added token, such as the end of a turn. */
  readonly special: Uint8Array;
}

/** Options of {@linkcode tokenBytes}. */
export interface TokenBytesOptions {
  /**
   * Number of ids, when the model has more than its tokenizer: embeddings are padded, to 151,936 for
   * Qwen3 with 151,669 tokens. The ids added spell nothing. Default: the highest id plus one.
   */
  readonly vocabSize?: number;
}

/** Ids beyond this are a damaged file, not a vocabulary: the largest known ones hold 2^18 tokens. */
const MAX_VOCAB_SIZE = 2 ** 24;

const SUPPORTED =
  "supported are BPE and Unigram with a decoder of ByteLevel, Replace, Metaspace, " +
  "ByteFallback, Fuse and Strip, and WordPiece";

/**
 * Computes the bytes that each token id spells, from a parsed Hugging Face `tokenizer.json`.
 *
 * Every token spells what the file's decoder makes of it inside a text:
 * - byte-level BPE (Qwen, Llama 3, DeepSeek, GPT-OSS), where `ByteLevel` is among the stages of the
 *   decoder, as in what transformers writes from a GGUF: the inverse of GPT-2's byte map; a token with a
 *   character outside the map spells its own UTF-8. Added tokens spell their `content` as it stands.
 * - SentencePiece BPE and Unigram (Gemma, Llama 2, T5, XLM-R): `▁` is a space, and with byte fallback
 *   `<0xAB>` is that byte; added tokens too, as Gemma writes its runs of spaces so.
 * - WordPiece (BERT): `##` continues a word, any other token starts with a space, and the decoder's
 *   clean-up removes that space before `. , ? !`.
 *
 * A table per id knows no neighbors, which shows in five places. The space that a SentencePiece or
 * WordPiece decoder strips from the start of a text is kept. WordPiece spells "let's" as `let ' s` and
 * "re-check" as `re - check`: grams with an apostrophe or a hyphen cannot match there. Invalid UTF-8
 * from byte fallback stays as it is, one U+FFFD for each bad byte, where Hugging Face spoils the whole
 * run of fallback bytes. A `ByteLevel` behind a `Fuse` maps token by token here, where Hugging Face leaves the
 * whole text as it is if one character of it is outside the map. `clean_up_tokenization_spaces` of `tokenizer_config.json` edits decoded text
 * and is no matter of tokens. Holes in the range of ids are empty tokens.
 *
 * @example Usage
 * ```ts
 * import { tokenBytes } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const table = tokenBytes({
 *   model: { type: "BPE", vocab: { wait: 0, "Ġwait": 1 }, merges: [] },
 *   decoder: { type: "ByteLevel" },
 *   added_tokens: [{ id: 2, content: "<|end|>", special: true }],
 * });
 * const spell = (id: number) =>
 *   new TextDecoder().decode(table.bytes.subarray(table.offsets[id], table.offsets[id + 1]));
 * assert.equal(spell(1), " wait");
 * assert.equal(spell(2), "<|end|>");
 * assert.deepEqual(table.special, Uint8Array.of(0, 0, 1));
 * ```
 *
 * @param tokenizerJson The parsed content of a `tokenizer.json`.
 * @param options The padded vocabulary size, if any.
 * @returns The table of bytes.
 * @throws {TypeError} If the value is no `tokenizer.json` or its kind is not supported; the message
 * names the kind.
 * @throws {RangeError} If an id is no whole number in range, or two tokens share one, or `vocabSize` is
 * smaller than the vocabulary.
 */
export function tokenBytes(tokenizerJson: unknown, options: TokenBytesOptions = {}): TokenBytes {
  const file = asRecord(tokenizerJson);
  const model = asRecord(file?.model);
  if (file === undefined || typeof model?.vocab !== "object" || model.vocab === null) {
    throw new InputTypeError(
      `Cannot read tokenizer as it must hold model.vocab: ${describeFile(file)}, ` +
        `pass the parsed tokenizer.json`,
    );
  }
  const speller = chooseSpeller(file, model);
  const pieces: string[] = [];
  const byId: (number | undefined)[] = []; // id -> index in pieces
  const add = (field: string, id: unknown, piece: unknown): number => {
    checkEntry(field, id, piece);
    const holder = byId[id as number];
    if (holder !== undefined && pieces[holder] !== piece) {
      throw new InputRangeError(
        `Cannot read tokenizer as an id stands for one token: id ${id} is ` +
          `${JSON.stringify(pieces[holder])} and ${JSON.stringify(piece)}`,
      );
    }
    byId[id as number] = pieces.push(piece as string) - 1;
    return id as number;
  };

  if (Array.isArray(model.vocab)) {
    for (let id = 0; id < model.vocab.length; id++) {
      add(`model.vocab[${id}]`, id, (model.vocab[id] as unknown[] | null)?.[0]);
    }
  } else {
    const vocab = model.vocab as Record<string, unknown>;
    for (const piece in vocab) add("model.vocab", vocab[piece], piece);
  }
  const numModelPieces = pieces.length;
  const specialIds: number[] = [];
  const addedTokens = Array.isArray(file.added_tokens) ? file.added_tokens : [];
  for (let i = 0; i < addedTokens.length; i++) {
    const token = asRecord(addedTokens[i]);
    const id = add(`added_tokens[${i}]`, token?.id, token?.content);
    if (token?.special === true) specialIds.push(id);
  }

  const vocabSize = checkVocabSize(options.vocabSize ?? byId.length, byId.length);
  const special = new Uint8Array(vocabSize);
  for (const id of specialIds) special[id] = 1;
  const out = new ByteWriter();
  const offsets = new Int32Array(vocabSize + 1);
  for (let id = 0; id < vocabSize; id++) {
    const index = byId[id];
    if (index !== undefined) speller.spell(pieces[index]!, index >= numModelPieces, out);
    offsets[id + 1] = out.length;
  }
  return { model: speller.model, vocabSize, bytes: out.finish(), offsets, special };
}

/** How a kind of vocabulary spells its tokens. */
interface Speller {
  readonly model: TokenBytes["model"];
  spell(piece: string, isAdded: boolean, out: ByteWriter): void;
}

function chooseSpeller(file: JsonRecord, model: JsonRecord): Speller {
  const type = modelType(model);
  const decoders = flatten(file.decoder, "decoders");
  const refuse = (): InputTypeError => {
    const names = decoders.map((decoder) => String(decoder.type)).join(", ");
    return new InputTypeError(
      `Cannot read tokenizer as its kind is not supported: model.type is "${type}", ` +
        `decoder.type is ${names === "" ? "missing" : `"${names}"`}; ${SUPPORTED}`,
    );
  };
  if (type === "WordPiece") {
    if (decoders.length > 1) throw refuse();
    const { type: decoderType = "WordPiece", prefix = "##", cleanup = true } = decoders[0] ?? {};
    if (decoderType !== "WordPiece") throw refuse();
    return wordPieceSpeller(String(prefix), cleanup === true);
  }
  if (type !== "BPE" && type !== "Unigram") throw refuse();
  if (model.end_of_word_suffix || (type === "BPE" && model.continuing_subword_prefix)) {
    throw new InputTypeError(
      `Cannot read tokenizer as BPE with end_of_word_suffix or continuing_subword_prefix is not ` +
        `supported: current values are ${JSON.stringify(model.end_of_word_suffix ?? null)} and ` +
        `${JSON.stringify(model.continuing_subword_prefix ?? null)}; ${SUPPORTED}`,
    );
  }
  // A file without decoder still says how it writes spaces where it makes the pieces.
  const stages = decoders.length > 0
    ? decoders
    : flatten(file.pre_tokenizer, "pretokenizers").filter((stage) =>
      stage.type === "ByteLevel" || stage.type === "Metaspace"
    );
  const steps = decodingSteps(stages);
  if (steps === undefined) throw refuse();
  const isByteLevel = stages.some((stage) => stage.type === "ByteLevel");
  return {
    model: isByteLevel ? "byte-level" : type === "BPE" ? "byte-fallback" : "unigram",
    spell: pieceSpeller(model.byte_fallback === true ? [fallbackByte, ...steps] : steps),
  };
}

/** `model.type`, or what the older files that lack it must be. */
function modelType(model: JsonRecord): string {
  if (typeof model.type === "string") return model.type;
  if (Array.isArray(model.vocab)) return "Unigram";
  return Array.isArray(model.merges) ? "BPE" : "missing";
}

/** A token on its way through the decoder: its text, or its bytes, one character each. */
interface Piece {
  readonly text: string;
  readonly isBytes: boolean;
}

/** What a stage of a decoder makes of a token; an added one is literal to `ByteLevel`. */
type DecodingStep = (piece: Piece, isAdded: boolean) => Piece;

/**
 * What the stages do to one token, in their order, or undefined where one does what no table per id can
 * express, or none says how spaces are written.
 */
function decodingSteps(stages: readonly JsonRecord[]): DecodingStep[] | undefined {
  const steps: DecodingStep[] = [];
  let isFused = false; // what follows sees the whole text as one token
  let hasSpaces = false;
  for (const stage of stages) {
    switch (stage.type) {
      case "ByteLevel":
        steps.push(mappedBytes);
        isFused = true;
        hasSpaces = true;
        break;
      case "ByteFallback":
        if (!isFused) steps.push(fallbackByte);
        break;
      case "Fuse":
        isFused = true;
        break;
      case "Strip": // at the ends of the whole text once fused, else of every token
        if (!isFused) steps.push(stripStep(stage));
        break;
      case "Metaspace": {
        if (isFused && stage.prepend_scheme !== "never") return undefined; // drops every space
        steps.push(replaceStep(String(stage.replacement ?? "▁"), " "));
        hasSpaces = true;
        break;
      }
      case "Replace": {
        const pattern = asRecord(stage.pattern)?.String;
        const content = stage.content;
        if (typeof pattern !== "string" || typeof content !== "string") return undefined;
        if (pattern === "" || (isFused && [...pattern].length > 1)) return undefined;
        steps.push(replaceStep(pattern, content));
        hasSpaces ||= content.includes(" ");
        break;
      }
      default:
        return undefined;
    }
  }
  return hasSpaces ? steps : undefined;
}

function pieceSpeller(steps: readonly DecodingStep[]): Speller["spell"] {
  return (token, isAdded, out) => {
    let piece: Piece = { text: token, isBytes: false };
    for (const step of steps) piece = step(piece, isAdded);
    if (!piece.isBytes) return out.text(piece.text);
    for (let i = 0; i < piece.text.length; i++) out.byte(piece.text.charCodeAt(i));
  };
}

function mappedBytes(piece: Piece, isAdded: boolean): Piece {
  if (isAdded || piece.isBytes) return piece;
  const { text } = piece;
  let bytes = "";
  for (let i = 0; i < text.length; i++) {
    const byte = BYTE_OF_CHARACTER[text.charCodeAt(i)] ?? -1;
    if (byte < 0) return piece;
    bytes += String.fromCharCode(byte);
  }
  return { text: bytes, isBytes: true };
}

function fallbackByte(piece: Piece): Piece {
  if (piece.isBytes || !/^<0x[0-9a-f]{2}>$/i.test(piece.text)) return piece;
  return { text: String.fromCharCode(parseInt(piece.text.slice(3, 5), 16)), isBytes: true };
}

function replaceStep(pattern: string, content: string): DecodingStep {
  const [patternBytes, contentBytes] = [bytesOf(pattern), bytesOf(content)];
  return (piece) => {
    const [from, to] = piece.isBytes ? [patternBytes, contentBytes] : [pattern, content];
    if (!piece.text.includes(from)) return piece;
    return { ...piece, text: piece.text.replaceAll(from, () => to) };
  };
}

/** The UTF-8 of a text, one character a byte. */
function bytesOf(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

function stripStep({ content, start, stop }: JsonRecord): DecodingStep {
  return (piece) => {
    const characters = [...piece.text];
    let from = 0;
    let to = characters.length;
    while (from < to && from < Number(start ?? 0) && characters[from] === content) from++;
    while (
      to > from && characters.length - to < Number(stop ?? 0) && characters[to - 1] === content
    ) {
      to--;
    }
    return { ...piece, text: characters.slice(from, to).join("") };
  };
}

/**
 * GPT-2's `bytes_to_unicode` backwards: printable Latin-1 stands for itself, the other bytes, in
 * order, for U+0100 and on (https://github.com/openai/gpt-2/blob/master/src/encoder.py).
 */
const BYTE_OF_CHARACTER: Int16Array = invertByteMap();

function invertByteMap(): Int16Array {
  const table = new Int16Array(0x144).fill(-1);
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    table[isPrintable ? byte : next++] = byte;
  }
  return table;
}

function wordPieceSpeller(prefix: string, cleansUp: boolean): Speller {
  return {
    model: "wordpiece",
    spell(piece, _isAdded, out) {
      if (prefix !== "" && piece.startsWith(prefix)) return out.text(piece.slice(prefix.length));
      // Of the decoder's replacements only these, and the clitics of a vocabulary that keeps them
      // whole, can apply to one token.
      const joins = cleansUp && /^(?:[.?!,]|n't|'m|'s|'ve|'re)/.test(piece);
      out.text(joins ? piece : ` ${piece}`);
    },
  };
}

/** Bytes in a buffer that doubles when it is full. */
class ByteWriter {
  length = 0;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 16);
  readonly #encoder = new TextEncoder();

  byte(value: number): void {
    if (this.length === this.#buffer.length) this.#grow(1);
    this.#buffer[this.length++] = value;
  }

  text(value: string): void {
    const bound = 3 * value.length; // UTF-8 bytes per UTF-16 unit, at most
    if (this.length + bound > this.#buffer.length) this.#grow(bound);
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) {
        const rest = value.slice(i);
        const { written } = this.#encoder.encodeInto(rest, this.#buffer.subarray(this.length));
        this.length += written;
        return;
      }
      this.#buffer[this.length++] = unit;
    }
  }

  finish(): Uint8Array {
    return this.#buffer.slice(0, this.length);
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(2 * this.#buffer.length + needed);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}

type JsonRecord = Readonly<Record<string, unknown>>;

function asRecord(value: unknown): JsonRecord | undefined {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? value as JsonRecord : undefined;
}

/** The stages of a decoder or pre-tokenizer, those inside a `Sequence` in its place. */
function flatten(stage: unknown, childrenKey: string): JsonRecord[] {
  const record = asRecord(stage);
  if (record === undefined) return [];
  if (record.type !== "Sequence") return [record];
  const children = record[childrenKey];
  return Array.isArray(children) ? children.flatMap((child) => flatten(child, childrenKey)) : [];
}

function checkEntry(field: string, id: unknown, piece: unknown): void {
  if (typeof piece !== "string") {
    throw new InputTypeError(
      `Cannot read tokenizer as every token must be a string: ${field} is ${JSON.stringify(piece)}`,
    );
  }
  if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= MAX_VOCAB_SIZE) {
    throw new InputRangeError(
      `Cannot read tokenizer as ids must be whole numbers from 0 to ${MAX_VOCAB_SIZE - 1}: ` +
        `${field} gives ${JSON.stringify(piece)} the id ${JSON.stringify(id)}`,
    );
  }
}

function checkVocabSize(vocabSize: number, tableSize: number): number {
  if (Number.isInteger(vocabSize) && vocabSize >= tableSize && vocabSize <= MAX_VOCAB_SIZE) {
    return vocabSize;
  }
  throw new InputRangeError(
    `Cannot pad the vocabulary as vocabSize must be a whole number from ${tableSize}, the size of ` +
      `the tokenizer, to ${MAX_VOCAB_SIZE}: current value is ${vocabSize}`,
  );
}

/** What a wrong value looks like, so that the message can say which file was given by mistake. */
function describeFile(file: JsonRecord | undefined): string {
  if (file === undefined) return "current value is no JSON object";
  if ("tokenizer_class" in file) return "current value looks like tokenizer_config.json";
  if ("model_type" in file || "architectures" in file) {
    return "current value looks like config.json";
  }
  const values = Object.values(file);
  if (values.length > 0 && values.every((value) => typeof value === "number")) {
    return "current value looks like vocab.json";
  }
  return `its fields are ${Object.keys(file).slice(0, 8).join(", ") || "none"}`;
}
