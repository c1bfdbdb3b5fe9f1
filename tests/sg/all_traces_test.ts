/**
 * The matcher against the oracle on every shipped trace under five real tokenizers, for the paper's
 * whole list. The oracle reads bytes, not tokens, so its matches are computed once per text and mapped
 * to the tokens of each tokenizer. `deno task test` takes a sample under one tokenizer.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { loadLexicon, loadTokenizer } from "../../files/mod.ts";
import { SgMatcher } from "../../sg/mod.ts";
import { fullTest } from "../_scope.ts";
import { findMatches, normalizeGram, onTokens, type OracleMatch } from "./oracle.ts";
import { tokenizerSource } from "../_tokenizers.ts";

const TOKENIZERS = ["qwen3", "llama3_1", "deepseek_v3", "gptoss", "gemma3"];

const folder = new URL("../testdata/rollouts/", import.meta.url);
const texts = readdirSync(folder).filter((name) => name.endsWith(".gz")).sort().flatMap((name) =>
  gunzipSync(readFileSync(new URL(name, folder))).toString().trim().split("\n")
    .map((line) => JSON.parse(line).completion as string)
);

const lexicon = await loadLexicon("paper");
const grams = lexicon.grams.map(({ text }) => normalizeGram(text));
const matchesOfText = new Map<string, OracleMatch[]>();

function oracleMatches(text: string): OracleMatch[] {
  let matches = matchesOfText.get(text);
  if (matches === undefined) {
    matches = findMatches(new TextEncoder().encode(text), grams);
    matchesOfText.set(text, matches);
  }
  return matches;
}

Deno.test("the shipped traces are those that README.md counts", () => {
  assert.equal(texts.length, 4578);
});

Deno.test("SgMatcher and SgStream equal the oracle on every 40th shipped trace under qwen3", async () => {
  await compareTraces("qwen3", 40);
});

for (const name of TOKENIZERS) {
  fullTest(
    `SgMatcher and SgStream equal the oracle on every shipped trace under ${name}`,
    () => compareTraces(name, 1),
  );
}

async function compareTraces(name: string, step: number): Promise<void> {
  const { tokens, encode } = await loadTokenizer(tokenizerSource(name));
  const matcher = SgMatcher.compile(lexicon, tokens);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let planning = 0;
  for (let index = 0; index < texts.length; index += step) {
    const completion = texts[index]!;
    const ids = encode(completion);
    const lengths = Array.from(ids, (id) => tokens.offsets[id + 1]! - tokens.offsets[id]!);
    const spelled = Buffer.concat(
      Array.from(ids, (id) => tokens.bytes.subarray(tokens.offsets[id], tokens.offsets[id + 1])),
    );
    // Qwen3 normalizes to NFC, so now and then the ids spell another text than the completion.
    const expected = onTokens(oracleMatches(decoder.decode(spelled)), lengths);
    const { planningMask, spans } = matcher.match({
      offsets: Int32Array.of(0, ids.length),
      tokenIds: ids,
      lossMask: new Uint8Array(ids.length).fill(1),
    });
    assert.ok(
      equal(planningMask, expected.planningMask) && equal(spans, expected.spans.flat()),
      `trace ${index} differs`,
    );
    const stream = matcher.stream();
    for (const id of ids) stream.push(id);
    const streamed = stream.end();
    assert.ok(
      equal(streamed.planningMask, planningMask) && equal(streamed.spans, spans),
      `trace ${index} differs as a stream`,
    );
    for (const bit of planningMask) planning += bit;
  }
  assert.ok(planning > 100_000 / step, `only ${planning} planning tokens`);
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
