import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };

const MINING = new URL("../../mining/mod.ts", import.meta.url).href;

/** The lines that a program prints for which onnxruntime-node is not installed. */
async function runWithoutOnnxRuntime(program: string): Promise<string[]> {
  const imports = { ...config.imports, "npm:onnxruntime-node@1.30.0": null };
  const map = `data:application/json,${encodeURIComponent(JSON.stringify({ imports }))}`;
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-config", "--no-check", `--import-map=${map}`],
      `data:application/typescript,${encodeURIComponent(program)}`,
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

Deno.test("mining without onnxruntime-node counts, and says what embedding and clustering need", async () => {
  const lines = await runWithoutOnnxRuntime(`
    import { agglomerative, countNgrams, staticEmbedder } from "${MINING}";
    const solutions = ["a", "b", "c"].map((promptId) => ({ text: "Wait, let me $x$", promptId }));
    console.log((await countNgrams(solutions)).texts.join());
    const vectors = Float32Array.of(1, 0, 0, 1);
    for (
      const needy of [() => staticEmbedder(), () => agglomerative(vectors, 2, { epsilon: 0.1 })]
    ) {
      await needy().catch(({ name, code, message }) => console.log(name, code, message));
    }`);
  assert.equal(lines[0], "wait, let me");
  assert.equal(lines.length, 3);
  for (const line of lines.slice(1)) {
    assert.match(
      line,
      /^TypeError missing_package Cannot load onnxruntime as the optional package onnxruntime-node must be installed: .+; run "npm install onnxruntime-node", or "deno add npm:onnxruntime-node"$/,
    );
  }
});
