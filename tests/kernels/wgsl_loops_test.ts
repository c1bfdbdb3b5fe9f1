/**
 * A driver that works computes a wrong result where the condition of a loop reads an array of the invocation's
 * own (Mesa's OpenGL: `while (place > 0u && most[place - 1u] < value) { ... }`). The same loop with a `break` in
 * its body is right, so no shader has the first form.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { gradientsShader, slopesShader } from "../../kernels/policy_gradient/shader.ts";
import { logitStatsShader } from "../../kernels/logits/shader.ts";

/** The shaders that are made by functions, in all their forms. */
const MADE: Record<string, readonly string[]> = {
  logitStatsShader: (["f32", "f16", "bf16"] as const).flatMap((dtype) =>
    [0, 1, 5].map((topK) => logitStatsShader({ dtype, topK }))
  ),
  gradientsShader: (["f32", "f16", "bf16"] as const).flatMap((dtype) =>
    [false, true].map((inPlace) => gradientsShader({ dtype, inPlace }))
  ),
  slopesShader: [false, true].map((withReference) => slopesShader({ withReference })),
};

/** The text of every shader of every kernel, by its name in its file. */
async function everyShader(): Promise<Map<string, string>> {
  const folder = new URL("../../kernels/", import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith("shader.ts"));
  const texts = new Map<string, string>();
  for (const file of files) {
    const exported: Record<string, unknown> = await import(new URL(file, folder).href);
    for (const [name, value] of Object.entries(exported)) {
      if (typeof value === "string" && value.includes("@compute")) {
        texts.set(`${file} ${name}`, value);
      } else if (typeof value === "function" && name.endsWith("Shader")) {
        assert.ok(name in MADE, `${name} of ${file} is not in the table of this test`);
        MADE[name]!.forEach((text, form) => texts.set(`${file} ${name} ${form}`, text));
      }
    }
  }
  return texts;
}

/** Conditions of `while`, `for` and `break if` that read an array in the address space "function" or "private". */
function conditionsOnOwnArrays(code: string): string[] {
  const text = code.replaceAll(/\/\/.*/g, "");
  const declared = /\bvar(?:<private>)?\s+(\w+)\s*(?::|=)\s*array\b/g;
  const pointers = /\b(\w+)\s*:\s*ptr<(?:function|private),\s*array\b/g;
  const own = [declared, pointers].flatMap((pattern) =>
    Array.from(text.matchAll(pattern), ([, name]) => name!)
  );
  return Array.from(text.matchAll(/\b(while|for|break\s+if)\b\s*/g), (match) => {
    const rest = text.slice(match.index + match[0].length);
    if (match[1] === "for") return parenthesized(rest).split(";")[1] ?? "";
    if (match[1] === "while") return rest.slice(0, rest.indexOf("{"));
    return rest.slice(0, rest.indexOf(";"));
  }).filter((condition) =>
    own.some((name) => new RegExp(`\\b${name}\\b\\s*\\)?\\s*\\[`).test(condition))
  );
}

function parenthesized(text: string): string {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "(") depth++;
    if (text[at] === ")" && --depth === 0) return text.slice(1, at);
  }
  return text;
}

Deno.test("no loop of a shader has a condition that reads an array of the invocation's own", async () => {
  const texts = await everyShader();
  assert.ok(texts.size > 20, `only ${texts.size} shaders found`);
  for (const [name, text] of texts) assert.deepEqual(conditionsOnOwnArrays(text), [], name);
});

Deno.test("such a condition is found in every form of a loop, and nowhere else", () => {
  const found = conditionsOnOwnArrays(`
    var<private> kept: array<u32, 4>;
    var<workgroup> shared: array<u32, 4>;
    fn sum(list: ptr<function, array<u32, 4>>) {
      for (var k = 0u; (*list)[k] > 0u; k++) { if (kept[k] == 1u) { break; } }
    }
    @compute @workgroup_size(1) fn main() {
      var most: array<f32, 5>;
      var few = array<u32, 2>(0u, 1u);
      while (place > 0u && most[place - 1u] < value) { place--; }
      for (var k = f(1u, few[0]); k < 4u; k++) { x = few[k]; }
      while (shared[k] > 0u) { k--; } // most[0]
      loop { continuing { break if kept[k] == 0u; } }
    }`);
  assert.deepEqual(found.map((condition) => condition.trim()), [
    "(*list)[k] > 0u",
    "(place > 0u && most[place - 1u] < value)",
    "kept[k] == 0u",
  ]);
});
