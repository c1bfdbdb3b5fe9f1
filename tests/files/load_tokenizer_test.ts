import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { env } from "node:process";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { loadTokenizer } from "../../files/load_tokenizer.ts";
import { inFolder } from "../_in_folder.ts";

const TEXT = await readFile(
  new URL("../testdata/tokenizers/byte_level_bpe.json", import.meta.url),
  "utf8",
);

Deno.test("loadTokenizer() reads a path, a URL, gzip, a folder and a parsed value alike", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "tokenizer.json");
    await writeFile(path, TEXT);
    await writeFile(`${path}.gz`, gzipSync(TEXT));
    const { tokens } = await loadTokenizer(JSON.parse(TEXT));
    for (const source of [path, pathToFileURL(path), `${path}.gz`, folder, `${folder}/`]) {
      assert.deepEqual((await loadTokenizer(source)).tokens, tokens, String(source));
    }
  });
});

/** With these variables, and the others of Hugging Face unset. */
async function withCache(variables: Record<string, string>, run: () => Promise<void>) {
  const names = ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"];
  const before = names.map((name) => env[name]);
  for (const name of names) delete env[name];
  Object.assign(env, variables);
  try {
    await run();
  } finally {
    names.forEach((name, i) => {
      if (before[i] === undefined) delete env[name];
      else env[name] = before[i];
    });
  }
}

/** What `hf download` leaves of a tokenizer, without the links, which Windows has not either. */
async function storeModel(cache: string, revision: string, commit: string): Promise<void> {
  const folder = join(cache, "models--owner--model-1.7B");
  await mkdir(join(folder, "refs"), { recursive: true });
  await writeFile(join(folder, "refs", revision), commit);
  await mkdir(join(folder, "snapshots", commit), { recursive: true });
  await writeFile(join(folder, "snapshots", commit, "tokenizer.json"), TEXT);
}

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
Deno.test("loadTokenizer() finds a model in the local cache of Hugging Face", async () => {
  await inFolder(async (folder) => {
    const { tokens } = await loadTokenizer(JSON.parse(TEXT));
    await storeModel(join(folder, "huggingface", "hub"), "main", COMMIT);
    await storeModel(join(folder, "huggingface", "hub"), "v2", COMMIT.replace("0", "f"));
    for (
      const variables of [
        { "XDG_CACHE_HOME": folder },
        { "HF_HOME": join(folder, "huggingface"), "XDG_CACHE_HOME": "/nowhere" },
        { "HF_HUB_CACHE": join(folder, "huggingface", "hub"), "HF_HOME": "/nowhere" },
      ]
    ) {
      await withCache(variables, async () => {
        for (const suffix of ["", "@v2", `@${COMMIT}`]) {
          const loaded = await loadTokenizer(`owner/model-1.7B${suffix}`);
          assert.deepEqual(loaded.tokens, tokens);
        }
      });
    }
  });
});

Deno.test("loadTokenizer() says how to get a model that is not in the cache", async () => {
  await inFolder(async (folder) => {
    await storeModel(folder, "main", COMMIT);
    await withCache({ "HF_HUB_CACHE": folder }, async () => {
      for (
        const [source, command] of [
          ["owner/other", "hf download owner/other tokenizer.json"],
          ["owner/model-1.7B@v9", "hf download owner/model-1.7B tokenizer.json --revision v9"],
        ]
      ) {
        await assert.rejects(loadTokenizer(source!), {
          name: "RangeError",
          message:
            `Cannot load tokenizer as it must be a file, a folder, or a model in the local ` +
            `cache of Hugging Face, ${JSON.stringify(folder)}: "${
              source!.split("@")[0]
            }" is none of ` +
            `them, run "${command}", or pass a tokenizer.json`,
        });
      }
    });
  });
});

Deno.test("loadTokenizer() says what is wrong with a file", async () => {
  await inFolder(async (folder) => {
    const model = join(folder, "tokenizer.model");
    const broken = join(folder, "broken.json");
    await writeFile(model, Uint8Array.of(10, 5));
    await writeFile(broken, '{"model":');
    await assert.rejects(loadTokenizer(model), {
      name: "TypeError",
      message:
        `Cannot load tokenizer as it must be a Hugging Face tokenizer.json: "${model}" is a ` +
        "SentencePiece or tiktoken file, pass the tokenizer.json that transformers saves for it",
    });
    await assert.rejects(loadTokenizer(broken), (error: Error) => {
      assert.equal(error.name, "SyntaxError");
      assert.ok(error.message.startsWith(`Cannot load tokenizer as "${broken}" must hold JSON: `));
      return true;
    });
    for (const content of ["[1, 2]", "3", '{"model_type": "qwen3"}']) {
      await writeFile(broken, content);
      await assert.rejects(loadTokenizer(broken), (error: Error) => {
        assert.equal(error.name, "TypeError");
        const message = `Cannot load tokenizer "${broken}": Cannot read tokenizer as it must hold `;
        assert.ok(error.message.startsWith(message), error.message);
        return true;
      });
    }
    for (const path of [join(folder, "missing.json"), folder]) {
      const missing = path === folder ? `${folder}/tokenizer.json` : path;
      await assert.rejects(loadTokenizer(path), {
        name: "RangeError",
        message:
          `Cannot load tokenizer as there must be a file: "${missing}" does not exist, pass a ` +
          "tokenizer.json, a folder that holds one, or the name of a model in the local cache of " +
          "Hugging Face, such as Qwen/Qwen3-0.6B",
      });
    }
  });
});
