import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Tokenizer } from "@huggingface/tokenizers";
import { InputRangeError } from "../../batch/mod.ts";
import { createEncoder } from "../../files/_encoder.ts";
import { loadTokenizer } from "../../files/load_tokenizer.ts";
import { readRollouts } from "../../files/rollout_files.ts";
import { fullTest } from "../_scope.ts";
import { tokenizerJson } from "../_tokenizers.ts";

interface Golden {
  texts: string[];
  tokenizers: Record<string, {
    ids: number[][];
    rollouts: Record<string, [count: number, digest: string][]>;
  }>;
}

const TESTDATA = new URL("../testdata/", import.meta.url);
/** Written by Python's tokenizers, see testdata/encoder/build.py. */
const golden: Golden = JSON.parse(
  readFileSync(new URL("encoder/golden.json", TESTDATA), "utf8"),
);

interface Features {
  bases: Record<string, { model: object }>;
  cases: {
    name: string;
    base: string;
    fields: { model?: object };
    refused?: string;
    texts: string[];
    ids: number[][];
    refused_texts: string[];
    refused_ids: number[][];
  }[];
}

/** Written by Python's tokenizers, see testdata/encoder/features.py. */
const features: Features = JSON.parse(
  readFileSync(new URL("encoder/features.json", TESTDATA), "utf8"),
);

const TINY = {
  model: { type: "BPE", vocab: { w: 0, a: 1, i: 2, t: 3, wa: 4 }, merges: ["w a"] },
  "added_tokens": [],
  normalizer: null,
  "pre_tokenizer": null,
  "post_processor": null,
  decoder: null,
};

for (const [name, { ids, rollouts }] of Object.entries(golden.tokenizers)) {
  const test = name === "qwen3" ? Deno.test : fullTest;
  test(`createEncoder() gives the reference implementation's ids for ${name}`, async () => {
    const encode = createEncoder(await tokenizerJson(name), "the tokenizer");
    golden.texts.forEach((text, i) => {
      assert.deepEqual(encode(text), Int32Array.from(ids[i]!), JSON.stringify(text));
    });
    for (const [file, [first, last]] of Object.entries(rollouts)) {
      const completions: string[] = [];
      for await (
        const rollout of readRollouts(fileURLToPath(new URL(`rollouts/${file}`, TESTDATA)))
      ) {
        completions.push(rollout.completion!);
      }
      for (const [text, expected] of [[completions[0]!, first], [completions.at(-1)!, last]]) {
        const encoded = encode(text as string);
        const digest = createHash("sha256").update(encoded.join(",")).digest("hex").slice(0, 16);
        assert.deepEqual([encoded.length, digest], expected, file);
      }
    }
  });
}

for (const { name, base, fields, ...given } of features.cases) {
  const file = {
    ...features.bases[base]!,
    ...fields,
    model: { ...features.bases[base]!.model, ...fields.model },
  };
  /** What the package gives by itself: a refusal that it does not need any more can go. */
  const isNeeded = (texts: string[], ids: number[][]): boolean => {
    try {
      const tokenizer = new Tokenizer(file, {});
      const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
      return texts.some((text, i) => JSON.stringify(encode(text)) !== JSON.stringify(ids[i]));
    } catch {
      return true;
    }
  };
  const { refused, texts, ids, refused_texts: refusedTexts, refused_ids: refusedIds } = given;
  Deno.test(`createEncoder() gives the reference's ids or says why not for ${name}`, () => {
    if (refused !== undefined) {
      assert.throws(() => createEncoder(file, "the tokenizer"), (error: Error) => {
        assert.equal(error.name, "TypeError");
        assert.ok(error.message.includes(`it does not obey ${refused} `), error.message);
        assert.ok(error.message.includes(", give the token ids of the rollouts instead"));
        return true;
      });
      assert.ok(isNeeded(texts, ids), "the package obeys it");
      return;
    }
    const encode = createEncoder(file, "the tokenizer");
    texts.forEach((text, i) => {
      assert.deepEqual(encode(text), Int32Array.from(ids[i]!), JSON.stringify(text));
    });
    for (const text of refusedTexts) {
      assert.throws(() => encode(text), (error: Error) => {
        assert.ok(error instanceof InputRangeError, JSON.stringify(text));
        assert.match(error.message, /^Cannot encode the text as .*, give the token ids of the /);
        return true;
      });
    }
    if (refusedTexts.length > 0) assert.ok(isNeeded(refusedTexts, refusedIds), "all are right");
  });
}

Deno.test("loadTokenizer() takes what the encoder does not obey until it must encode", async () => {
  const file = {
    ...TINY,
    decoder: { type: "ByteLevel" },
    "added_tokens": [{ id: 5, content: "<s>", "single_word": true }],
  };
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, JSON.stringify(file));
  const { tokens, encode } = await loadTokenizer(path);
  await Deno.remove(path);
  assert.equal(tokens.vocabSize, 6);
  assert.throws(() => encode("wait"), {
    name: "TypeError",
    message:
      /it does not obey added_tokens\[0\].single_word true, give the token ids of the rollouts/,
  });
});

Deno.test("createEncoder() throws for a text that the encoder cannot hold", () => {
  const encode = createEncoder({
    ...TINY,
    model: { type: "Unigram", "unk_id": 0, vocab: [["<unk>", 0], ["a", -1]] },
  }, "the tokenizer");
  assert.throws(() => encode("a".repeat(300_000)), {
    name: "RangeError",
    message:
      /^Cannot encode the text as the encoder takes no stretch of so many tokens: it holds 300/,
  });
});

Deno.test("createEncoder() throws for what a vocabulary without unknown token lacks", () => {
  const encode = createEncoder(TINY, "the tokenizer");
  assert.throws(() => encode("wart"), {
    name: "RangeError",
    message:
      /^Cannot encode the text as the vocabulary of the tokenizer must hold all of it: it lacks/,
  });
});

Deno.test("createEncoder() adds no special tokens", () => {
  const encode = createEncoder({
    ...TINY,
    "added_tokens": [{ id: 5, content: "<s>", special: true }],
    "post_processor": {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", "type_id": 0 } }, {
        Sequence: { id: "A", "type_id": 0 },
      }],
      pair: [],
    },
  }, "the tokenizer");
  assert.deepEqual(encode("wa"), Int32Array.of(4));
  assert.deepEqual(encode("<s>wa"), Int32Array.of(5, 4));
});

Deno.test("createEncoder() throws when the tokenizer is of an unknown kind", () => {
  for (const content of [{}, [], { ...TINY, model: { type: "Telepathy" } }]) {
    assert.throws(() => createEncoder(content, "the tokenizer"), {
      name: "TypeError",
      message: /^Cannot load the tokenizer as it must be a Hugging Face tokenizer.json of a known/,
    });
  }
});
