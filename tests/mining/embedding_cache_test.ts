import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Embedder } from "../../mining/embed/embedder.ts";
import { cachedEmbedder } from "../../mining/embed/embedding_cache.ts";

const DIGEST = "ab".repeat(32);
const DIMENSIONS = 3;
const HEADER_BYTES = 16;
const RECORD_BYTES = 32 + 4 * DIMENSIONS + 4;

/** An embedder that remembers what it was asked, and whose vectors tell the texts apart. */
class FakeEmbedder implements Embedder {
  readonly name: string = "fake";
  readonly digest: string;
  readonly dimensions: number = DIMENSIONS;
  readonly asked: string[][] = [];
  released: boolean = false;

  constructor(digest: string = DIGEST) {
    this.digest = `sha256:${digest}`;
  }

  embed(texts: readonly string[]): Promise<Float32Array> {
    this.asked.push([...texts]);
    return Promise.resolve(Float32Array.from(texts.flatMap(vectorOf)));
  }

  release(): Promise<void> {
    this.released = true;
    return Promise.resolve();
  }
}

function vectorOf(text: string): number[] {
  const angle = [...text].reduce((sum, character) => sum * 31 + character.codePointAt(0)!, 7) % 997;
  return [Math.cos(angle), Math.sin(angle), 0];
}

const expected = (texts: readonly string[]): Float32Array =>
  Float32Array.from(texts.flatMap(vectorOf));

async function withDirectory(use: (directory: string, path: string) => Promise<void>) {
  const directory = await mkdtemp(join(tmpdir(), "hicra-"));
  try {
    await use(directory, join(directory, `${DIGEST}.embeddings`));
  } finally {
    await rm(directory, { recursive: true });
  }
}

Deno.test("cachedEmbedder() computes each text once", async () => {
  await withDirectory(async (directory) => {
    const first = new FakeEmbedder();
    const texts = ["bb", "a", "bb", "ccc"];
    assert.deepEqual(await cachedEmbedder(first, directory).embed(texts), expected(texts));
    assert.deepEqual(first.asked, [["a", "bb", "ccc"]]);

    const second = new FakeEmbedder();
    const more = ["ccc", "", "a"];
    const progress: number[][] = [];
    const vectors = await cachedEmbedder(second, directory)
      .embed(more, { onProgress: (...numbers) => progress.push(numbers) });
    assert.deepEqual(vectors, expected(more));
    assert.deepEqual(second.asked, [[""]]);
    assert.deepEqual(progress, [[2, 3], [3, 3]]);
  });
});

Deno.test("cachedEmbedder() is the embedder, and releases it", async () => {
  await withDirectory(async (directory) => {
    const embedder = new FakeEmbedder();
    const cached = cachedEmbedder(embedder, directory);
    assert.deepEqual(
      [cached.name, cached.digest, cached.dimensions],
      [embedder.name, embedder.digest, embedder.dimensions],
    );
    assert.deepEqual(await cached.embed([]), new Float32Array(0));
    await cached.release();
    assert.ok(embedder.released);
  });
});

Deno.test("cachedEmbedder() keeps a file for each embedder", async () => {
  await withDirectory(async (parent) => {
    const directory = join(parent, "deep", "cache");
    const other = new FakeEmbedder("cd".repeat(32));
    await cachedEmbedder(new FakeEmbedder(), directory).embed(["a"]);
    await cachedEmbedder(other, directory).embed(["a"]);
    assert.deepEqual(other.asked, [["a"]]);
    assert.deepEqual((await readdir(directory)).sort(), [
      `${DIGEST}.embeddings`,
      `${"cd".repeat(32)}.embeddings`,
    ]);
  });
});

Deno.test("cachedEmbedder() keeps what was finished when it is interrupted", async () => {
  await withDirectory(async (directory, path) => {
    const texts = Array.from({ length: 2500 }, (_, i) => `text ${1e4 + i}`);
    const controller = new AbortController();
    const reason = new Error("enough");
    const interrupted = cachedEmbedder(new FakeEmbedder(), directory).embed(texts, {
      signal: controller.signal,
      onProgress: (done) => done > 2000 && controller.abort(reason),
    });
    await assert.rejects(interrupted, reason);
    assert.equal((await readFile(path)).length, HEADER_BYTES + 2048 * RECORD_BYTES);

    const embedder = new FakeEmbedder();
    assert.deepEqual(await cachedEmbedder(embedder, directory).embed(texts), expected(texts));
    assert.deepEqual(embedder.asked, [texts.slice(2048)]);

    // The files of an interrupted and an uninterrupted run are the same.
    const whole = await readFile(path);
    await rm(path);
    await cachedEmbedder(new FakeEmbedder(), directory).embed(texts);
    assert.deepEqual(await readFile(path), whole);
  });
});

Deno.test("cachedEmbedder() recovers from a file cut at any byte", async () => {
  const texts = ["a", "bb", "ccc"];
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: HEADER_BYTES + 3 * RECORD_BYTES }),
      async (size) => {
        await withDirectory(async (directory, path) => {
          await cachedEmbedder(new FakeEmbedder(), directory).embed(texts);
          const whole = await readFile(path);
          await truncate(path, size);
          const embedder = new FakeEmbedder();
          assert.deepEqual(await cachedEmbedder(embedder, directory).embed(texts), expected(texts));
          const numKept = Math.max(0, Math.floor((size - HEADER_BYTES) / RECORD_BYTES));
          assert.deepEqual(embedder.asked.flat(), texts.slice(numKept));
          assert.deepEqual(await readFile(path), whole);
        });
      },
    ),
  );
});

Deno.test("cachedEmbedder() computes again what is damaged, and the rest stays", async () => {
  await withDirectory(async (directory, path) => {
    const texts = ["a", "bb", "ccc"];
    await cachedEmbedder(new FakeEmbedder(), directory).embed(texts);
    const bytes = await readFile(path);
    bytes[HEADER_BYTES + RECORD_BYTES + 40]! ^= 1;
    await writeFile(path, bytes);
    for (const asked of [[["bb"]], []]) {
      const embedder = new FakeEmbedder();
      assert.deepEqual(await cachedEmbedder(embedder, directory).embed(texts), expected(texts));
      assert.deepEqual(embedder.asked, asked);
    }
  });
});

Deno.test("cachedEmbedder() refuses a file that is no cache and leaves it", async () => {
  await withDirectory(async (directory, path) => {
    await writeFile(path, "precious data, not a cache");
    await assert.rejects(cachedEmbedder(new FakeEmbedder(), directory).embed(["a"]), {
      name: "TypeError",
      message:
        `Cannot use "${path}" as it must be an embedding cache of version 1 for vectors of ` +
        '3 numbers: it begins with "precious data, n", remove it',
    });
    assert.equal(await readFile(path, "utf8"), "precious data, not a cache");
  });
});

Deno.test("cachedEmbedder() refuses vectors of another size than the embedder promised", async () => {
  await withDirectory(async (directory) => {
    const embedder = new FakeEmbedder();
    embedder.embed = () => Promise.resolve(new Float32Array(4));
    await assert.rejects(cachedEmbedder(embedder, directory).embed(["a"]), {
      name: "TypeError",
      message: 'Cannot embed as "fake" must give 3 numbers a text: it gave 4 for 1 texts',
    });
  });
});

Deno.test("cachedEmbedder() passes errors of the embedder on", async () => {
  await withDirectory(async (directory) => {
    const embedder = new FakeEmbedder();
    const reason = new Error("no memory");
    embedder.embed = () => Promise.reject(reason);
    await assert.rejects(cachedEmbedder(embedder, directory).embed(["a"]), reason);
  });
});
