import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { Tokenizer } from "@huggingface/tokenizers";
import { loadTokenizer } from "../../files/load_tokenizer.ts";
import { type TokenBytes, tokenBytes } from "../../sg/token_bytes.ts";
import { fullTest } from "../_scope.ts";
import { tokenizerJson } from "../_tokenizers.ts";

const TESTDATA = new URL("../testdata/", import.meta.url);
const fixture = (name: string): URL => new URL(`tokenizers/${name}.json`, TESTDATA);

/** The bytes of ids, one after the other. */
function spell(table: TokenBytes, ids: readonly number[]): Uint8Array {
  return Uint8Array.from(
    ids.flatMap((id) => [...table.bytes.subarray(table.offsets[id], table.offsets[id + 1])]),
  );
}

function hexOf(table: TokenBytes, id: number): string {
  return spell(table, [id]).reduce((hex, byte) => hex + byte.toString(16).padStart(2, "0"), "");
}

// Worked out by hand: the text, or hexadecimal bytes where they are no text.
const SYNTHETIC: {
  name: string;
  model: TokenBytes["model"];
  spellings: readonly (string | { hex: string })[];
  special: readonly number[];
}[] = [
  {
    name: "byte_level_bpe",
    model: "byte-level",
    spellings: [
      "a",
      " wait",
      "\n",
      "é", // two mapped characters, C3 A9
      { hex: "e2" },
      { hex: "80" }, // with the tokens beside it U+2019, split in three
      { hex: "99" },
      "x▁y", // U+2581 is outside the map: the token's own UTF-8
      "", // a hole
      "<|end|>",
      "é ", // an added token is literal, though U+00E9 is in the map
    ],
    special: [9],
  },
  {
    name: "byte_fallback_bpe",
    model: "byte-fallback",
    spellings: ["<s>", "\n", { hex: "e2" }, " wait", "é", "a b", "  "],
    special: [0],
  },
  {
    name: "metaspace_unigram",
    model: "unigram",
    // Without byte fallback "<0x0A>" is six characters.
    spellings: ["<pad>", "<unk>", " wait", ",", " ", "<0x0A>"],
    special: [0],
  },
  {
    name: "byte_fallback_unigram",
    model: "unigram",
    spellings: ["<unk>", "\n", " wait"],
    special: [],
  },
  {
    name: "wordpiece",
    model: "wordpiece",
    spellings: [" [SEP]", " wait", "ing", ",", " '", " é", " #"],
    special: [0],
  },
];

for (const { name, model, spellings, special } of SYNTHETIC) {
  Deno.test(`tokenBytes() spells ${name} as worked out by hand`, async () => {
    const table = (await loadTokenizer(fixture(name))).tokens;
    assert.equal(table.model, model);
    assert.equal(table.vocabSize, spellings.length);
    assert.equal(table.offsets.length, spellings.length + 1);
    for (const [id, spelling] of spellings.entries()) {
      const expected = typeof spelling === "string"
        ? new TextEncoder().encode(spelling)
        : undefined;
      if (expected !== undefined) assert.deepEqual(spell(table, [id]), expected, `id ${id}`);
      else assert.equal(hexOf(table, id), (spelling as { hex: string }).hex, `id ${id}`);
    }
    assert.deepEqual([...table.special.keys()].filter((id) => table.special[id] === 1), special);
  });
}

Deno.test("tokenBytes() inverts the byte map for all 256 bytes", () => {
  // The map built the other way round, from the definition: printable bytes, then 256 and on.
  const vocab: Record<string, number> = {};
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    vocab[String.fromCharCode(isPrintable ? byte : next++)] = byte;
  }
  const table = tokenBytes({ model: { type: "BPE", vocab }, decoder: { type: "ByteLevel" } });
  assert.deepEqual(table.bytes, Uint8Array.from({ length: 256 }, (_, byte) => byte));
});

interface DecoderCase {
  vocab: Record<string, number>;
  decoder: { decoders: { type: string }[] };
  ids: number[];
  text: string;
}

Deno.test("tokenBytes() spells what Python's decoders make of the pieces, in any order", async () => {
  // Written by Python's tokenizers, see testdata/tokenizers/decoders.py.
  const cases: DecoderCase[] = JSON.parse(
    await readFile(new URL("tokenizers/decoders.json", TESTDATA), "utf8"),
  );
  for (const { vocab, decoder, ids, text } of cases) {
    const name = decoder.decoders.map(({ type }) => type).join(", ");
    const file = { model: { type: "BPE", vocab }, decoder };
    const types = name.split(", ");
    const fuse = types.findIndex((type) => type === "Fuse" || type === "ByteLevel");
    const dropsSpaces = fuse !== -1 && types.indexOf("Metaspace") > fuse;
    if (dropsSpaces || !/ByteLevel|Replace|Metaspace/.test(name)) {
      assert.throws(() => tokenBytes(file), { name: "TypeError" }, name);
      continue;
    }
    assert.equal(new TextDecoder().decode(spell(tokenBytes(file), ids)), text, name);
  }
});

Deno.test("tokenBytes() knows what transformers writes from a GGUF as byte-level", () => {
  const types = ["ByteFallback", "Fuse", "Replace", "ByteLevel"];
  const decoders = types.map((type) => ({ type, pattern: { String: "▁" }, content: " " }));
  const table = tokenBytes({
    model: { type: "BPE", vocab: { "Ġwait": 0, "âĢ": 1 }, merges: [] },
    decoder: { type: "Sequence", decoders },
  });
  assert.equal(table.model, "byte-level");
  assert.equal(hexOf(table, 0), "2077616974");
  assert.equal(hexOf(table, 1), "e280");
});

Deno.test("tokenBytes() pads to vocabSize with empty tokens", async () => {
  const table = (await loadTokenizer(fixture("wordpiece"), { vocabSize: 10 })).tokens;
  assert.equal(table.vocabSize, 10);
  assert.deepEqual(spell(table, [7, 8, 9]), new Uint8Array(0));
  assert.equal(table.special.length, 10);
});

Deno.test("tokenBytes() knows a file without model.type by its merges", () => {
  const decoder = { type: "ByteLevel" };
  assert.equal(tokenBytes({ model: { vocab: { a: 0 }, merges: [] }, decoder }).model, "byte-level");
});

Deno.test("tokenBytes() knows a file without decoder by its pre-tokenizer", () => {
  const preTokenizer = {
    type: "Sequence",
    pretokenizers: [{ type: "Digits" }, { type: "ByteLevel" }],
  };
  const table = tokenBytes({
    model: { type: "BPE", vocab: { "Ġa": 0 } },
    ["pre_tokenizer"]: preTokenizer,
    decoder: null,
  });
  assert.deepEqual(spell(table, [0]), Uint8Array.of(0x20, 0x61));
});

Deno.test("tokenBytes() keeps the space of WordPiece punctuation without clean-up", () => {
  const table = tokenBytes({
    model: { type: "WordPiece", vocab: { ",": 0 } },
    decoder: { type: "WordPiece", cleanup: false },
  });
  assert.deepEqual(spell(table, [0]), Uint8Array.of(0x20, 0x2c));
});

const decoder = { type: "ByteLevel" };
const bpe = (vocab: unknown): unknown => ({ model: { type: "BPE", vocab }, decoder });
const REFUSED: { name: string; file: unknown; options?: { vocabSize: number }; error: Error }[] = [
  {
    name: "no object",
    file: [],
    error: new TypeError(
      "Cannot read tokenizer as it must hold model.vocab: current value is no JSON object, " +
        "pass the parsed tokenizer.json",
    ),
  },
  {
    name: "tokenizer_config.json",
    file: { ["tokenizer_class"]: "Qwen2Tokenizer" },
    error: new TypeError(
      "Cannot read tokenizer as it must hold model.vocab: current value looks like " +
        "tokenizer_config.json, pass the parsed tokenizer.json",
    ),
  },
  {
    name: "config.json",
    file: { ["model_type"]: "qwen3" },
    error: new TypeError(
      "Cannot read tokenizer as it must hold model.vocab: current value looks like config.json, " +
        "pass the parsed tokenizer.json",
    ),
  },
  {
    name: "vocab.json",
    file: { a: 0, b: 1 },
    error: new TypeError(
      "Cannot read tokenizer as it must hold model.vocab: current value looks like vocab.json, " +
        "pass the parsed tokenizer.json",
    ),
  },
  {
    name: "a model without vocab",
    file: { model: { type: "BPE" } },
    error: new TypeError(
      "Cannot read tokenizer as it must hold model.vocab: its fields are model, " +
        "pass the parsed tokenizer.json",
    ),
  },
  {
    name: "an unknown model",
    file: { model: { type: "WordLevel", vocab: { a: 0 } }, decoder: null },
    error: new TypeError(
      'Cannot read tokenizer as its kind is not supported: model.type is "WordLevel", decoder.type ' +
        "is missing; supported are BPE and Unigram with a decoder of ByteLevel, Replace, Metaspace, " +
        "ByteFallback, Fuse and Strip, and WordPiece",
    ),
  },
  {
    name: "an unknown decoder",
    file: {
      model: { type: "BPE", vocab: { a: 0 } },
      decoder: { type: "Sequence", decoders: [{ type: "CTC" }, { type: "Fuse" }] },
    },
    error: new TypeError(
      'Cannot read tokenizer as its kind is not supported: model.type is "BPE", decoder.type is ' +
        '"CTC, Fuse"; supported are BPE and Unigram with a decoder of ByteLevel, Replace, Metaspace, ' +
        "ByteFallback, Fuse and Strip, and WordPiece",
    ),
  },
  {
    name: "an end-of-word suffix",
    file: { model: { type: "BPE", vocab: { a: 0 }, ["end_of_word_suffix"]: "</w>" }, decoder },
    error: new TypeError(
      "Cannot read tokenizer as BPE with end_of_word_suffix or continuing_subword_prefix is not " +
        'supported: current values are "</w>" and null; supported are BPE and Unigram with a decoder ' +
        "of ByteLevel, Replace, Metaspace, ByteFallback, Fuse and Strip, and WordPiece",
    ),
  },
  {
    name: "two tokens with one id",
    file: bpe({ a: 0, b: 0 }),
    error: new RangeError(
      'Cannot read tokenizer as an id stands for one token: id 0 is "a" and "b"',
    ),
  },
  {
    name: "an added token on the id of another",
    file: { ...bpe({ a: 0 }) as object, ["added_tokens"]: [{ id: 0, content: "<s>" }] },
    error: new RangeError(
      'Cannot read tokenizer as an id stands for one token: id 0 is "a" and "<s>"',
    ),
  },
  {
    name: "a negative id",
    file: bpe({ a: -1 }),
    error: new RangeError(
      "Cannot read tokenizer as ids must be whole numbers from 0 to 16777215: model.vocab gives " +
        '"a" the id -1',
    ),
  },
  {
    name: "an id that is no whole number",
    file: bpe({ a: 0.5 }),
    error: new RangeError(
      "Cannot read tokenizer as ids must be whole numbers from 0 to 16777215: model.vocab gives " +
        '"a" the id 0.5',
    ),
  },
  {
    name: "an added token without content",
    file: { ...bpe({ a: 0 }) as object, ["added_tokens"]: [{ id: 1 }] },
    error: new TypeError(
      "Cannot read tokenizer as every token must be a string: added_tokens[0] is undefined",
    ),
  },
  {
    name: "a vocabSize below the vocabulary",
    file: bpe({ a: 0, b: 1 }),
    options: { vocabSize: 1 },
    error: new RangeError(
      "Cannot pad the vocabulary as vocabSize must be a whole number from 2, the size of the " +
        "tokenizer, to 16777216: current value is 1",
    ),
  },
];

for (const { name, file, options, error } of REFUSED) {
  Deno.test(`tokenBytes() refuses ${name}`, () => {
    assert.throws(() => tokenBytes(file, options), { name: error.name, message: error.message });
  });
}

/** Everything that has broken an offset somewhere. */
const TRICKY = [
  "",
  " ",
  "\n",
  "  two spaces before and after  ",
  "Wait, let\u2019s “check” — no… I\u2019m wrong!",
  "👩‍👩‍👧‍👦 🇩🇪 👍🏽 \u{1d49c}",
  "nai\u0308ve, cafe\u0301, \u00e9", // Qwen3 normalizes to NFC before it encodes
  "漢字かな한글 नमस्ते שלום",
  "\\frac{a}{b} \\(x^2 + y_1\\) $\\sqrt{2}$ <<3*4=12>>12",
  "def f(x):\r\n\tif x:\r\n\t\treturn [1,  2]\r\n\r\n\r\n}",
  "\u00a0\u3000\u200b\ufeff\u2028 odd white space \u0000\u0007",
  "<0x0A> Ġ Ċ \ufffd",
  "<|im_start|>assistant\n<think>\n\n</think><|im_end|><end_of_turn><｜end▁of▁sentence｜>",
];

async function realTexts(): Promise<string[]> {
  const texts: string[] = [...TRICKY];
  for (const name of ["qwen_math", "gsm8k_gpt3", "r1_distill_8b_labelled"]) {
    const bytes = await readFile(new URL(`rollouts/${name}.jsonl.gz`, TESTDATA));
    const lines = gunzipSync(bytes).toString().trim().split("\n");
    for (let i = 0; i < 10; i++) {
      texts.push(JSON.parse(lines[Math.floor(i * lines.length / 10)]!).completion);
    }
  }
  return texts;
}

const REAL: { name: string; model: TokenBytes["model"]; encodes(text: string): string }[] = [
  { name: "qwen3", model: "byte-level", encodes: (text) => text.normalize("NFC") },
  { name: "llama3_1", model: "byte-level", encodes: (text) => text },
  { name: "deepseek_v3", model: "byte-level", encodes: (text) => text },
  { name: "gptoss", model: "byte-level", encodes: (text) => text },
  { name: "gemma3", model: "byte-fallback", encodes: (text) => text.replaceAll("▁", " ") },
];

for (const { name, model, encodes } of REAL) {
  const test = name === "qwen3" ? Deno.test : fullTest;
  test(`tokenBytes() spells what the ${name} tokenizer encodes and decodes`, async () => {
    const json = await tokenizerJson(name);
    const tokenizer = new Tokenizer(json, await tokenizerJson(name, "tokenizer_config.json"));
    const table = tokenBytes(json);
    assert.equal(table.model, model);
    const decode = new TextDecoder("utf-8", { ignoreBOM: true });
    for (const text of await realTexts()) {
      const { ids } = tokenizer.encode(text, { ["add_special_tokens"]: false });
      const spelled = decode.decode(spell(table, ids));
      assert.equal(spelled, encodes(text));
      if (ids.length === 0) continue; // the peer refuses to decode nothing
      assert.equal(
        spelled,
        tokenizer.decode(ids, {
          ["skip_special_tokens"]: false,
          ["clean_up_tokenization_spaces"]: false,
        }),
      );
    }
  });
}
