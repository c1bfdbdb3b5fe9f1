import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetchHubFile } from "../../mining/embed/hub_file.ts";
import { sentenceTransformer } from "../../mining/embed/sentence_transformer.ts";

const digest = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

/** Runs a hub that has the given files at revision `v1` of `owner/name`, and an empty cache. */
async function withHub(
  files: Readonly<Record<string, string | Uint8Array>>,
  use: (options: { hubUrl: string; cacheDirectory: string }, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    const content = files[request.url!.replace("/owner/name/resolve/v1/", "")];
    response.writeHead(content === undefined ? 404 : 200, { connection: "close" });
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cacheDirectory = await mkdtemp(join(tmpdir(), "hicra-"));
  const { port } = server.address() as AddressInfo;
  try {
    await use({ hubUrl: `http://127.0.0.1:${port}`, cacheDirectory }, asked);
  } finally {
    await new Promise((resolve) => server.close(resolve));
    await rm(cacheDirectory, { recursive: true });
  }
}

const REPO = { repo: "owner/name", revision: "v1" };
const FILE = { ...REPO, file: "a/b.txt", sha256: digest("wait") };

Deno.test("fetchHubFile() fetches a file once", async () => {
  await withHub({ "a/b.txt": "wait" }, async (options, asked) => {
    for (let i = 0; i < 2; i++) {
      assert.equal(new TextDecoder().decode(await fetchHubFile(FILE, options)), "wait");
    }
    assert.deepEqual(asked, ["/owner/name/resolve/v1/a/b.txt"]);
    assert.deepEqual(await readdir(options.cacheDirectory), [FILE.sha256]);
  });
});

Deno.test("fetchHubFile() fetches again what was changed in the cache", async () => {
  await withHub({ "a/b.txt": "wait" }, async (options) => {
    const path = join(options.cacheDirectory, FILE.sha256);
    await writeFile(path, "wai");
    await fetchHubFile(FILE, options);
    assert.equal(await readFile(path, "utf8"), "wait");
  });
});

Deno.test("fetchHubFile() refuses and does not keep a file with another digest", async () => {
  await withHub({ "a/b.txt": "other" }, async (options) => {
    await assert.rejects(fetchHubFile(FILE, options), {
      name: "RangeError",
      message: `Cannot use "a/b.txt" of owner/name as its sha256 must be ${FILE.sha256}: ` +
        `current value is ${digest("other")}, pin the revision it was taken from`,
    });
    assert.deepEqual(await readdir(options.cacheDirectory), []);
  });
});

Deno.test("fetchHubFile() says which file the hub does not have", async () => {
  await withHub({}, async (options) => {
    await assert.rejects(fetchHubFile(FILE, options), {
      name: "Error",
      message: `Cannot fetch "${options.hubUrl}/owner/name/resolve/v1/a/b.txt" as the hub must ` +
        "have the file: status is 404, check repo, revision and file",
    });
  });
});

Deno.test("fetchHubFile() says that the hub cannot be reached", async () => {
  let gone = { hubUrl: "", cacheDirectory: "" };
  await withHub({}, (options) => Promise.resolve(void (gone = options)));
  await assert.rejects(fetchHubFile(FILE, gone), {
    name: "Error",
    message: /^Cannot fetch ".*" as the hub must be reached: .*, pass the path of a local copy/,
  });
});

Deno.test("fetchHubFile() stops when its signal is aborted", async () => {
  await withHub({ "a/b.txt": "wait" }, async (options) => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(fetchHubFile(FILE, { ...options, signal }), reason);
  });
});

Deno.test("fetchHubFile() refuses a digest of another form", async () => {
  await assert.rejects(fetchHubFile({ ...FILE, sha256: "main" }), {
    name: "RangeError",
    message: 'Cannot fetch "a/b.txt" as sha256 must be 64 hexadecimal digits in lower case: ' +
      'current value is "main"',
  });
});

Deno.test("sentenceTransformer() takes model and tokenizer from the hub", async () => {
  const folder = new URL("../testdata/mining/transformers/", import.meta.url);
  const model = await readFile(new URL("hidden.onnx", folder));
  const tokenizer = await readFile(new URL("tokenizer.json", folder));
  await withHub({ "onnx/model.onnx": model, "tokenizer.json": tokenizer }, async (options) => {
    const embedder = await sentenceTransformer({
      model: { ...REPO, file: "onnx/model.onnx", sha256: digest(model) },
      tokenizer: { ...REPO, file: "tokenizer.json", sha256: digest(tokenizer) },
      ...options,
    });
    assert.equal(embedder.name, "owner/name/onnx/model.onnx");
    assert.equal((await embedder.embed(["wait"])).length, 8);
    await embedder.release();
  });
});
