import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseHTML } from "linkedom";
import type { Figures } from "../../bench/figures.ts";
import { fullTest } from "../_scope.ts";
import { tokenizerSource } from "../_tokenizers.ts";

const MAIN = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));

/** Runs the bench in a folder of its own. */
async function runBench(
  folder: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const run = await promisify(execFile)(
      process.execPath,
      ["run", "--quiet", "-A", MAIN, ...args],
      { cwd: folder, env: { ...process.env, NO_COLOR: "1" }, maxBuffer: 2 ** 26 },
    );
    return { code: 0, ...run };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "hicra-bench-"));
  try {
    await test(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

fullTest(
  "bench --quick runs to its end and writes a report that fetches nothing",
  () =>
    inFolder(async (folder) => {
      const run = await runBench(
        folder,
        "--quick",
        "--json",
        "figures.json",
        "--out",
        "out/report.html",
      );
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /^⟦de:deduction⟧.*\n\n── /); // the trace comes first
      assert.match(
        run.stdout,
        /The credited batch.*\n[\s\S]*planning, [\s\S]*[+-]\d\.\d+ -> [+-]\d\.\d+/,
      );
      assert.match(run.stdout, /Report: out\/report.html\n$/);
      const figures = JSON.parse(await readFile(join(folder, "figures.json"), "utf8")) as Figures;
      const hicra = figures.masses.find(({ chain }) => chain === "hicra")!;
      // By the formula: alpha is 0.2, and outside the mask nothing moves; sums of float32.
      assert.ok(Math.abs(hicra.planning.positiveFactor - 1.2) < 1e-6);
      assert.ok(Math.abs(hicra.planning.negativeFactor - 0.8) < 1e-6);
      assert.equal(hicra.execution.after, hicra.execution.before);
      checkPage(await readFile(join(folder, "out/report.html"), "utf8"));
    }),
);

/** The part of a page that is looked at; Deno has no types of the DOM unless asked. */
interface Page {
  querySelectorAll(selector: string): Iterable<PageElement> & ArrayLike<PageElement>;
}

interface PageElement {
  readonly textContent: string;
  readonly attributes: Iterable<{ readonly name: string }>;
  getAttribute(name: string): string | null;
}

function checkPage(html: string): void {
  const { document } = parseHTML(html) as unknown as { document: Page };
  assert.equal(document.querySelectorAll("script, link, iframe, img, object, embed").length, 0);
  for (const element of document.querySelectorAll("*")) {
    for (const name of ["src", "href", "xlink:href", "srcset", "data", "action"]) {
      const value = element.getAttribute(name);
      assert.ok(value === null || value.startsWith("#"), `${name}="${value}"`);
    }
    for (const { name } of element.attributes) assert.doesNotMatch(name, /^on/);
  }
  const styles = Array.from(document.querySelectorAll("style"), ({ textContent }) => textContent);
  assert.doesNotMatch(styles.join("\n"), /@import|url\(/);
  assert.doesNotMatch(html, /NaN|undefined|\[object /);
  assert.equal(document.querySelectorAll(".plot > svg, .plot figure > svg").length, 4);
  assert.ok(document.querySelectorAll(".traces mark.deduction").length > 1);
}

fullTest(
  "bench measures rollouts of token ids without rewards, as far as that goes",
  () =>
    inFolder(async (folder) => {
      const rollout = { "prompt_id": "p", "token_ids": [1, 2, 3], "loss_mask": [0, 1, 1] };
      await writeFile(join(folder, "ids.jsonl"), JSON.stringify(rollout));
      const tokenizer = tokenizerSource("qwen3");
      const run = await runBench(folder, "--rollouts", "ids.jsonl", "--tokenizer", tokenizer);
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual((await readdir(folder)).sort(), ["ids.jsonl", "report"]);
    }),
);

Deno.test("bench says in one line what is wrong with its input", () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, "empty.jsonl"), "");
    const cases: [args: string[], message: RegExp][] = [
      [["--alpha", "1"], /^error: option '--alpha <NUMBER>' argument '1' is invalid/],
      [["--lexikon", "x"], /^error: unknown option '--lexikon'/],
      [["--baseline", "grpo"], /error: Cannot find a baseline preset/],
      [["--rollouts", "empty.jsonl"], /error: Cannot measure empty.jsonl as it must hold/],
    ];
    for (const [args, message] of cases) {
      const run = await runBench(folder, ...args);
      assert.equal(run.code, 1, args.join(" "));
      assert.match(run.stderr, message);
    }
  }));
