import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inFolder } from "../_in_folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("createHook() and the matcher run in a browser: bundled for one, nothing of Node is left", async () => {
  await inFolder(async (folder) => {
    const bundled: Record<string, Record<string, CallableFunction>> = {};
    for (const name of ["hooks", "sg"]) {
      const bundle = join(folder, `${name}.js`);
      const options = ["bundle", "--quiet", "--minify", "--platform=browser", `--output=${bundle}`];
      execFileSync(process.execPath, [...options, `${name}/mod.ts`], { cwd: ROOT });
      const code = await readFile(bundle, "utf8");
      assert.doesNotMatch(code, /["'`]node:/, name);
      bundled[name] = await import(pathToFileURL(bundle).href);
    }
    const hook = bundled.hooks!.createHook!();
    const { advantages } = hook({
      offsets: Int32Array.of(0, 2),
      lossMask: Uint8Array.of(1, 1),
      advantages: Float32Array.of(1),
      planningMask: Uint8Array.of(0, 1),
    });
    assert.deepEqual(advantages, Float32Array.of(1, 1.2));
    assert.equal(bundled.sg!.builtInLexicon!("paper").grams.length, 249);
  });
});
