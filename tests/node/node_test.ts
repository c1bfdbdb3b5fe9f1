/** The module serves npm users too: the packed tarball is installed, compiled against and used on Node. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { inFolder } from "../_in_folder.ts";
import { fullTest } from "../_scope.ts";
import { tokenizerJson } from "../_tokenizers.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const here = fileURLToPath(new URL("./", import.meta.url));
const rollouts = join(root, "tests/testdata/rollouts/llama3b_rlvr_step800.jsonl.gz");

const hasNpm = ["node", "npm"].every((tool) => spawnSync(tool, ["--version"]).status === 0);
if (!hasNpm) console.log("skipped: the tests on Node need node and npm on the PATH");

/** A folder with the package, the oldest Node that it is for, and TypeScript. */
async function inProject(use: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const tarball = join(folder, "hicra.tgz");
    execFileSync(Deno.execPath(), ["run", "-A", join(root, ".ci/pack_npm.ts"), tarball], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }');
    const packages = [tarball, "node@22", "typescript@5.9"];
    execFileSync("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", ...packages], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    await use(folder);
  });
}

const test = hasNpm ? fullTest : Deno.test.ignore;

test("the npm package works on Node, types and program included", () =>
  inProject(async (folder) => {
    const run = (program: string, ...args: string[]) =>
      spawnSync(join(folder, "node_modules/.bin", program), args, {
        cwd: folder,
        maxBuffer: 1 << 28,
        encoding: "utf8",
        env: { ...process.env, PATH: `${join(folder, "node_modules/.bin")}:${process.env.PATH}` },
      });
    for (const file of ["smoke.mjs", "consumer.ts"]) {
      await copyFile(join(here, file), join(folder, file));
    }
    const json = await tokenizerJson("qwen3");
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(json));

    const smoke = run("node", "smoke.mjs", join(folder, "tokenizer.json"), rollouts);
    assert.match(smoke.stdout, /^node v22\S*: \d+ tokens, planning share 0\.0\d+/, smoke.stderr);

    const options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2024"];
    const compiled = run("tsc", ...options, "consumer.ts");
    assert.equal(compiled.stdout, "");

    const onRollouts = [rollouts, "--tokenizer", "tokenizer.json"];
    for (
      const [args, said] of [
        [["--help"], /^Usage: hicra/],
        [["list"], /^ {2}hicra: HICRA/m],
        [["lexicon", "show", "paper", "--limit", "1"], /^paper · 249 grams/],
        [["lexicon", "check", "math", rollouts], /^Most of the spans are$/m],
        [["mask", ...onRollouts], /^\{"prompt_id":/],
        [["apply", ...onRollouts, "--baseline", "trl"], /"advantages":\[/],
        [["metrics", ...onRollouts], /^planning tokens, of trained ones/m],
        [["inspect", rollouts, "--limit", "1"], /bytes · \d\.\d % planning/],
      ] as const
    ) {
      const { stdout, stderr, status } = run("hicra", ...args);
      assert.equal(status, 0, stderr);
      assert.match(stdout, said);
    }

    const old = "Object.defineProperty(process, 'versions', { value: { node: '22.11.0' } });";
    await writeFile(join(folder, "old.cjs"), old);
    const refused = run("node", "--require", "./old.cjs", "node_modules/@hicra/hicra/bin/hicra.js");
    assert.equal(
      refused.stderr,
      "hicra: Cannot run on Node.js 22.11.0 as it must be 22.12 or newer\n",
    );
  }));
