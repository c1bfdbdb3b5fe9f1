import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CheckedBatch } from "../batch/mod.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  loadTokenizer,
  rolloutsToBatch,
  writeOutput,
} from "../files/mod.ts";
import type { Corpus } from "./corpora.ts";
import { progress } from "./progress.ts";
import type { BenchTokenizer } from "./tokenizers.ts";

/** Token ids of several texts, one after the other. */
interface EncodedTexts {
  readonly offsets: Int32Array;
  readonly tokenIds: Int32Array;
}

/** Where the encoder lies, which names its version: another one may split differently. */
const ENCODER = import.meta.resolve("@huggingface/tokenizers");

/**
 * Packs each corpus into a batch, encoding completions that come without token ids.
 *
 * @param corpora The corpora.
 * @param tokenizer The tokenizer.
 * @param cacheFolder Where ids are looked for first and left; null for nowhere.
 * @returns A batch per corpus, in order.
 */
export async function tokenizeCorpora(
  corpora: readonly Corpus[],
  tokenizer: BenchTokenizer,
  cacheFolder: string | null,
): Promise<CheckedBatch[]> {
  let encoder: Promise<(text: string) => Int32Array> | undefined;
  const batches: CheckedBatch[] = [];
  for (const corpus of corpora) {
    const texts = [
      ...new Set(
        corpus.rollouts.flatMap(({ token_ids: ids, completion }) => ids ? [] : completion!),
      ),
    ];
    const label = `${tokenizer.name}, ${corpus.name}`;
    const path = cacheFolder === null ? undefined : join(cacheFolder, cacheName(texts, tokenizer));
    let encoded = path === undefined ? undefined : await readCache(path, texts.length);
    if (encoded === undefined) {
      encoder ??= tokenizer.readContent().then((content) => loadTokenizer(content)).then((
        { encode },
      ) => encode);
      encoded = encodeTexts(texts, await encoder, label);
      if (path !== undefined) await writeCache(path, encoded);
    }
    const { offsets, tokenIds } = encoded;
    const idsOf = new Map(
      texts.map((text, t) => [text, tokenIds.subarray(offsets[t]!, offsets[t + 1]!)]),
    );
    const { batch } = rolloutsToBatch(corpus.rollouts, { encode: (text) => idsOf.get(text)! });
    batches.push(batch);
  }
  return batches;
}

function encodeTexts(
  texts: readonly string[],
  encode: (text: string) => Int32Array,
  label: string,
): EncodedTexts {
  const offsets = new Int32Array(texts.length + 1);
  let reported = performance.now();
  const ids = texts.map((text, t) => {
    if (t === 0 || performance.now() - reported > 1000) {
      reported = performance.now();
      progress(`encoding ${label}: text ${t + 1} of ${texts.length}`);
    }
    const encoded = encode(text);
    offsets[t + 1] = offsets[t]! + encoded.length;
    return encoded;
  });
  const tokenIds = new Int32Array(offsets[texts.length]!);
  ids.forEach((encoded, t) => tokenIds.set(encoded, offsets[t]!));
  return { offsets, tokenIds };
}

/** The name says everything that the content depends on, so an entry never goes stale. */
function cacheName(texts: readonly string[], { digest }: BenchTokenizer): string {
  const hash = createHash("sha256").update(JSON.stringify([ENCODER, digest, texts]));
  return `${hash.digest("hex").slice(0, 32)}.safetensors`;
}

async function readCache(path: string, numTexts: number): Promise<EncodedTexts | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return undefined;
  try {
    const { offsets, token_ids: tokenIds } = decodeSafetensors(bytes).tensors;
    if (
      offsets?.data instanceof Int32Array && tokenIds?.data instanceof Int32Array &&
      offsets.data.length === numTexts + 1 && offsets.data[numTexts] === tokenIds.data.length
    ) return { offsets: offsets.data, tokenIds: tokenIds.data };
    progress(`cache entry ${path} does not fit the texts: encoding anew`);
  } catch (error) {
    progress(`cache entry ${path} is damaged: encoding anew (${(error as Error).message})`);
  }
}

async function writeCache(path: string, { offsets, tokenIds }: EncodedTexts): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Takes its name when it is whole: an interrupted run leaves no half entry.
  await writeOutput(path, [encodeSafetensors({ offsets, token_ids: tokenIds })]);
}
