import fc from "fast-check";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { builtinTransforms } from "../../advantage/mod.ts";
import { jsonMembers } from "../../files/_json_members.ts";
import { batchFromSafetensors, loadLexicon } from "../../files/mod.ts";
import { mergeMetrics, metricPairs, type MetricSums } from "../../metrics/mod.ts";
import { diffLexicons } from "../../sg/mod.ts";
import { JSON_NAME, JSON_SOURCE, member, objectSource } from "../files/_json_source.ts";
import { run, runAloud } from "./_run.ts";
import { fullTest } from "../_scope.ts";
import { tokenizerSource } from "../_tokenizers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** ids: 0 "But", 1 " wait", 2 ",", 3 " so", 4 and 5 the bytes of "é", 6 "a", 7 "b", 8 "ab". */
const TOKENIZER = {
  model: {
    type: "BPE",
    vocab: { "But": 0, "Ġwait": 1, ",": 2, "Ġso": 3, "Ã": 4, "©": 5, "a": 6, "b": 7, "ab": 8 },
    merges: ["a b"],
  },
  normalizer: null,
  "pre_tokenizer": { type: "ByteLevel", add_prefix_space: false, use_regex: true },
  "post_processor": null,
  decoder: { type: "ByteLevel" },
  "added_tokens": [{ id: 9, content: "<|end|>", special: true }],
};

const ROLLOUTS = [
  { "prompt_id": "p", "token_ids": [0, 1, 2, 3], reward: 1, note: { deep: [1] } },
  { "prompt_id": "p", "token_ids": [2, 0, 1], "loss_mask": [1, 1, 0], reward: 0 },
  { "prompt_id": "q", completion: "ab<|end|>", reward: 1, truncated: true },
];

interface Folder {
  readonly path: string;
  readonly tokenizer: string;
  readonly lexicon: string;
  readonly rollouts: string;
}

/** Runs with a folder that holds a tokenizer, a lexicon of "but wait" and "so", and rollouts. */
async function inFolder(run: (folder: Folder) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), "hicra-cli-"));
  const folder = {
    path,
    tokenizer: join(path, "tokenizer.json"),
    lexicon: join(path, "mine.json"),
    rollouts: join(path, "rollouts.jsonl.gz"),
  };
  try {
    await writeFile(folder.tokenizer, JSON.stringify(TOKENIZER));
    await writeFile(
      folder.lexicon,
      JSON.stringify({
        format: "hicra-lexicon",
        version: 1,
        name: "mine",
        provenance: { source: "this test" },
        grams: [{ text: "but wait", kind: "backtracking" }, { text: "so", kind: "deduction" }],
      }),
    );
    await writeFile(folder.rollouts, gzipSync(lines(ROLLOUTS)));
    await run(folder);
  } finally {
    await rm(path, { recursive: true });
  }
}

function lines(objects: readonly object[]): string {
  return objects.map((object) => JSON.stringify(object) + "\n").join("");
}

async function readLines(path: string): Promise<Record<string, unknown>[]> {
  const bytes = await readFile(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  assert.ok(text === "" || text.endsWith("\n"));
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** Runs the command line as a program. */
function runProgram(
  args: readonly string[],
  { stdin, env = {} }: { stdin?: Uint8Array; env?: Record<string, string> } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [
    "run",
    "--quiet",
    "-A",
    join(ROOT, "cli", "main.ts"),
    ...args,
  ], {
    env: { ...process.env, ...env },
  });
  return new Promise((resolve, reject) => {
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text) => stdout += text);
    child.stderr.setEncoding("utf8").on("data", (text) => stderr += text);
    child.on("error", reject).on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(stdin);
  });
}

Deno.test("hicra mask writes one line per rollout, in order, as the issue fixes it", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const out = join(path, "out.jsonl");
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--out", out];
    assert.deepEqual(await run("mask", rollouts, ...flags), { code: 0, stderr: "" });
    assert.equal(
      await readFile(out, "utf8"),
      '{"prompt_id":"p","token_ids":[0,1,2,3],"planning_mask":[1,1,0,1],"spans":[[0,2,0],[3,4,1]]}\n' +
        // The loss mask tears "But wait" apart.
        '{"prompt_id":"p","token_ids":[2,0,1],"planning_mask":[0,0,0],"spans":[]}\n' +
        '{"prompt_id":"q","token_ids":[8,9],"planning_mask":[0,0],"spans":[]}\n',
    );
  }));

Deno.test("hicra says in one line what it wrote, and nothing where standard output has it", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const match = ["--tokenizer", tokenizer, "--lexicon", lexicon];
    const cases: [args: string[], flag: string, said: string][] = [
      [["mask", rollouts, ...match], "--out", "3 rollouts, 37.5 % planning"],
      [["apply", rollouts, ...match], "--out", "3 rollouts, 37.5 % planning"],
      [["metrics", rollouts, ...match], "--out", "3 rollouts, 37.5 % planning"],
      [["inspect", rollouts, ...match], "--html", "3 rollouts"],
      [["lexicon", "export", lexicon], "--out", "2 grams"],
      [["lexicon", "drop", "50%", lexicon, "--seed", "1"], "--out", "1 gram"],
      [["lexicon", "merge", lexicon], "--out", "2 grams"],
    ];
    for (const [args, flag, said] of cases) {
      const out = join(path, "out");
      const { code, stderr } = await runAloud(...args, flag, out);
      assert.equal(code, 0, stderr);
      assert.ok(stderr.endsWith(`hicra: wrote ${out}: ${said}\n`), stderr);
    }
    assert.equal((await runProgram(["mask", rollouts, ...match])).stderr, "");
  }));

Deno.test("hicra metrics prints a table of what people look at, and JSON on request", () =>
  inFolder(async ({ tokenizer, lexicon, rollouts }) => {
    const args = ["metrics", rollouts, "--tokenizer", tokenizer, "--lexicon", lexicon];
    const { stdout } = await runProgram(args);
    assert.equal(stdout.split("\n")[0], "3 rollouts · lexicon mine, 2 grams");
    assert.match(stdout, /^planning tokens, of trained ones +37\.5 % {2}hicra\/planning_frac$/m);
    assert.match(stdout, /^"but wait", backtracking +50\.0 % {2}of the grams$/m);
    assert.ok(!stdout.includes("perplexity"), "no logprobs, no perplexity");
    const json = JSON.parse((await runProgram([...args, "--json"])).stdout);
    assert.equal(json.values["hicra/planning_frac"], 0.375);
  }));

Deno.test("hicra inspect shows text without a tokenizer, and counts bytes", () =>
  inFolder(async ({ path, lexicon }) => {
    const file = join(path, "texts.jsonl");
    const rollout = { "prompt_id": "p", completion: "But wait, so.", reward: 1 };
    // What counts tokens cannot be told of a text.
    await writeFile(file, lines([{ ...rollout, "token_ids": [1, 2], "loss_mask": [1, 0] }]));
    const { stdout, stderr } = await runProgram(["inspect", file, "--lexicon", lexicon]);
    assert.equal(stderr, "");
    assert.ok(stdout.includes("── p · ✓ reward 1 · 13 bytes · 76.9 % planning · 2 spans"), stdout);
    assert.ok(stdout.includes("⟦ba:But wait⟧, ⟦de:so⟧."), stdout);
    await writeFile(file, lines([{ "prompt_id": "p", "token_ids": [1, 2] }]));
    const { code, stderr: refusal } = await run("inspect", file, "--lexicon", lexicon);
    assert.equal(code, 1);
    assert.match(
      refusal,
      /Cannot show rollout 0 \(prompt_id "p"\) .* pass --tokenizer for its token_/,
    );
  }));

Deno.test("hicra mask takes grams one a line, the same as JSON, and a folder for a tokenizer", () =>
  inFolder(async ({ path, rollouts }) => {
    const spans: unknown[] = [];
    for (const [name, text] of [["a.txt", "but wait\nso\n"], ["b.json", '["but wait", "so"]']]) {
      await writeFile(join(path, name!), text!);
      const out = join(path, "out.jsonl.gz");
      const flags = ["--tokenizer", path, "--lexicon", join(path, name!), "--out", out];
      assert.equal((await run("mask", rollouts, ...flags)).code, 0);
      spans.push((await readLines(out)).map((line) => line.spans));
    }
    assert.deepEqual(spans, Array(2).fill([[[0, 2, 0], [3, 4, 1]], [], []]));
  }));

Deno.test("hicra fails on a file without a rollout, and writes nothing", () =>
  inFolder(async ({ path, tokenizer }) => {
    const empty = join(path, "empty.jsonl");
    await writeFile(empty, "\n\n");
    const before = (await readdir(path)).sort();
    const out = join(path, "out");
    for (
      const args of [
        ["mask", "--out", out],
        ["apply", "--out", out],
        ["apply", "--out", `${out}.safetensors`, "--baseline", "trl"],
        ["metrics", "--out", out],
        ["metrics", "--out", out, "--alpha", "0.1"],
        ["inspect", "--html", out],
        ["inspect", "--html", out, "--baseline", "trl"],
        ["inspect"],
      ]
    ) {
      const [command, ...flags] = args;
      const { code, stderr } = await run(command!, empty, "--tokenizer", tokenizer, ...flags);
      const message = `hicra: Cannot read rollouts as ${empty} holds no rollout\n`;
      assert.deepEqual([code, stderr], [1, message], args.join(" "));
      assert.deepEqual((await readdir(path)).sort(), before, args.join(" "));
    }
  }));

Deno.test("hicra mask says when it found nothing at all", () =>
  inFolder(async ({ path, tokenizer }) => {
    const file = join(path, "none.jsonl");
    await writeFile(file, lines([{ "prompt_id": "p", "token_ids": [6, 7] }]));
    const out = join(path, "out.jsonl");
    const { code, stderr } = await run("mask", file, "--tokenizer", tokenizer, "--out", out);
    assert.equal(code, 0);
    assert.match(stderr, /^hicra: no planning token in 2 tokens; is the tokenizer .*\?\n$/);
  }));

Deno.test("hicra apply adds advantages and passes all other fields", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const out = join(path, "out.jsonl.gz");
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--out", out];
    const { code, stderr } = await run("apply", rollouts, ...flags, "--alpha", "0.5");
    assert.equal(code, 0);
    assert.equal(
      stderr,
      'hicra: the rollouts have rewards and no advantages: using baseline "paper", r - mean\n',
    );
    // Group p has mean 1/2, so its first rollout has 1/2, and 3/4 on planning tokens; q is alone.
    assert.deepEqual(await readLines(out), [
      {
        "prompt_id": "p",
        "token_ids": [0, 1, 2, 3],
        reward: 1,
        note: { deep: [1] },
        "planning_mask": [1, 1, 0, 1],
        spans: [[0, 2, 0], [3, 4, 1]],
        advantages: [0.75, 0.75, 0.5, 0.75],
      },
      {
        "prompt_id": "p",
        "token_ids": [2, 0, 1],
        "loss_mask": [1, 1, 0],
        reward: 0,
        "planning_mask": [0, 0, 0],
        spans: [],
        advantages: [-0.5, -0.5, -0.5],
      },
      {
        "prompt_id": "q",
        completion: "ab<|end|>",
        reward: 1,
        truncated: true,
        "token_ids": [8, 9],
        "planning_mask": [0, 0],
        spans: [],
        advantages: [0, 0],
      },
    ]);
  }));

Deno.test("hicra apply transforms the advantages of the file, per rollout or per token", () =>
  inFolder(async ({ path, tokenizer, lexicon }) => {
    const [file, out] = [join(path, "host.jsonl"), join(path, "out.jsonl")];
    await writeFile(
      file,
      lines([
        { "prompt_id": "p", "token_ids": [3, 2], advantage: -1, reward: 0 },
        { "prompt_id": "p", "token_ids": [3, 2], advantages: [2, 4], reward: 1 },
      ]),
    );
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--out", out];
    assert.deepEqual(await run("apply", file, ...flags, "--alpha", "0.25"), {
      code: 0,
      stderr: "",
    });
    assert.deepEqual((await readLines(out)).map(({ advantages }) => advantages), [[-0.75, -1], [
      2.5,
      4,
    ]]);
    const symmetric = ["--alpha", "0.25", "--mode", "symmetric"];
    assert.equal((await run("apply", file, ...flags, ...symmetric)).code, 0);
    assert.deepEqual((await readLines(out))[0]!.advantages, [-1.25, -1]);
  }));

Deno.test("hicra apply leaves the bytes of every field that is not its own", () =>
  inFolder(async ({ path, tokenizer, lexicon }) => {
    const [file, out] = [join(path, "host.jsonl"), join(path, "out.jsonl")];
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--out", out, "--alpha", "0.5"];
    const numbers = '"row":9007199254740993,"big":1e400,"one":1.0,"zero":-0.0,"exponent":1E5';
    const marks = '"planning_mask":[1,0],"spans":[[0,1,1]]';
    const cases: readonly (readonly [line: string, expected: string])[] = [
      [
        `{"prompt_id":"p","token_ids":[3, 2.0],"advantage":1.0,${numbers}}\r`,
        `{"prompt_id":"p","token_ids":[3, 2.0],"advantage":1.0,${numbers},${marks},"advantages":[1.5,1]}\r`,
      ],
      // Of equal names JSON.parse takes the last, other readers the first.
      [
        ' { "advantages" : [9, 9], "prompt_id" : "\\u0070", "token_ids" : [3, 2], "advantages" : [1, -0.0] } ',
        ' { "advantages" : [1.5,-0.0], "prompt_id" : "\\u0070", "token_ids" : [3, 2], ' +
        `"advantages" : [1.5,-0.0],${marks} } `,
      ],
      [
        '{"\\u0061dvantages":[1],"spans":null,"token_ids":null,"completion":"ab","prompt_id":"p"}',
        '{"\\u0061dvantages":[1],"spans":[],"token_ids":[8],"completion":"ab","prompt_id":"p",' +
        '"planning_mask":[0]}',
      ],
    ];
    await writeFile(file, "\ufeff" + cases.map(([line]) => line + "\n").join(""));
    assert.equal((await run("apply", file, ...flags)).code, 0);
    const written = (await readFile(out, "utf8")).split("\n");
    assert.deepEqual(written, [...cases.map(([, expected]) => expected), ""]);

    const own = ["planning_mask", "spans", "advantages"];
    const othersOf = (line: string): string[][] =>
      jsonMembers(line).filter(({ name }) => !own.includes(name))
        .map(({ name, start, end }) => [name, line.slice(start, end)]);
    const rollout = fc.array(member(JSON_NAME, JSON_SOURCE)).chain((members) =>
      fc.shuffledSubarray(
        ['"prompt_id":"p"', '"token_ids":[3]', '"advantages":[1]', ...members],
        { minLength: members.length + 3 },
      )
    ).map((members) => objectSource("", members));
    const property = fc.asyncProperty(fc.array(rollout, { minLength: 1 }), async (sources) => {
      await writeFile(file, sources.join("\n"));
      assert.deepEqual(await run("apply", file, ...flags), { code: 0, stderr: "" });
      const written = (await readFile(out, "utf8")).split("\n").slice(0, -1);
      assert.deepEqual(written.map(othersOf), sources.map(othersOf));
    });
    await fc.assert(property, { numRuns: 30 });
  }));

Deno.test("hicra apply reads a configuration, and flags win over it", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const [config, out] = [join(path, "config.json"), join(path, "out.jsonl")];
    await writeFile(
      config,
      JSON.stringify({
        lexicon,
        baseline: "rloo", // 1 and -1 for group p
        transforms: [{ name: "hicra", alpha: 0.5, mode: "symmetric" }],
      }),
    );
    const flags = ["--tokenizer", tokenizer, "--config", config, "--out", out];
    const advantagesOf = async (...more: string[]): Promise<unknown> => {
      assert.deepEqual(await run("apply", rollouts, ...flags, ...more), { code: 0, stderr: "" });
      return (await readLines(out))[0]!.advantages;
    };
    assert.deepEqual(await advantagesOf(), [1.5, 1.5, 1, 1.5]);
    assert.deepEqual(await advantagesOf("--alpha", "0.25"), [1.25, 1.25, 1, 1.25]);
    assert.deepEqual(await advantagesOf("--baseline", "paper"), [0.75, 0.75, 0.5, 0.75]);
    assert.deepEqual(
      await advantagesOf(
        "--transform",
        '{"name": "hicra", "alpha": {"type": "linear", ' +
          '"from": 0, "to": 0.5, "steps": 10}}',
        "--step",
        "5",
      ),
      [1.25, 1.25, 1, 1.25],
    );
    const gated = '{"name": "hicra", "alpha": {"type": "gated", "signal": "accuracy", ' +
      '"threshold": 0.5, "when": "above", "open": 0.5}}';
    const high = ["--transform", gated, "--signal", "accuracy=0.75"];
    assert.deepEqual(await advantagesOf(...high), [1.5, 1.5, 1, 1.5]);
    const low = ["--transform", gated, "--signal", "accuracy=0.25"];
    assert.deepEqual(await advantagesOf(...low), [1, 1, 1, 1]);
  }));

Deno.test("hicra apply writes the tensors of the batch contract and where they come from", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const out = join(path, "out.safetensors");
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--out", out];
    const { code } = await run(
      "apply",
      rollouts,
      ...flags,
      "--baseline",
      "paper",
      "--alpha",
      "0.5",
    );
    assert.equal(code, 0);
    const { batch, tensors, metadata } = batchFromSafetensors(await readFile(out));
    assert.deepEqual(batch.offsets, Int32Array.of(0, 4, 7, 9));
    assert.deepEqual(batch.tokenIds, Int32Array.of(0, 1, 2, 3, 2, 0, 1, 8, 9));
    assert.deepEqual(batch.lossMask, Uint8Array.of(1, 1, 1, 1, 1, 1, 0, 1, 1));
    assert.deepEqual(batch.planningMask, Uint8Array.of(1, 1, 0, 1, 0, 0, 0, 0, 0));
    assert.deepEqual(
      batch.advantages,
      Float32Array.of(0.75, 0.75, 0.5, 0.75, -0.5, -0.5, -0.5, 0, 0),
    );
    assert.deepEqual(tensors.spans, {
      dtype: "I32",
      shape: [2, 3],
      data: Int32Array.of(0, 2, 0, 3, 4, 1),
    });
    const { lexicon_digest: grams, tokenizer_digest: table, version, ...rest } = metadata;
    assert.match(`${grams} ${table}`, /^sha256:[0-9a-f]{64} sha256:[0-9a-f]{64}$/);
    const manifest = JSON.parse(await readFile(join(ROOT, "deno.json"), "utf8"));
    assert.equal(version, manifest.version);
    assert.deepEqual(rest, {
      base: "transformed",
      contract: "1",
      "advantages_per": "token",
      lexicon: "mine",
      "vocab_size": "10",
      baseline: "paper",
      transforms: '[{"name":"hicra","alpha":0.5,"mode":"paper","allowSignChange":false}]',
      "prompt_ids": '["p","q"]',
    });
  }));

Deno.test("hicra apply says what the loop itself must add to its loss", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--baseline", "paper"];
    const bonus = ["--transform", '{"name": "entropy-regularization", "coefficient": 0.01}'];
    const out = join(path, "out.safetensors");
    const { stderr } = await run("apply", rollouts, ...flags, ...bonus, "--out", out);
    assert.equal(stderr, "hicra: the loop must add an entropy bonus of weight 0.01 to its loss\n");
    const { metadata } = batchFromSafetensors(await readFile(out));
    assert.equal(metadata.entropy_coefficient, "0.01");
  }));

Deno.test("hicra metrics writes pairs, values, entropies and sums", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const out = join(path, "metrics.json");
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--out", out];
    assert.deepEqual(await run("metrics", rollouts, ...flags), { code: 0, stderr: "" });
    const report = JSON.parse(await readFile(out, "utf8"));
    assert.deepEqual([report.rollouts, report.lexicon, report.vocab_size], [3, "mine", 10]);
    assert.equal(report.transforms, undefined);
    // 8 trained tokens, 3 of them planning; 2 of 3 rollouts are right, 1 of 3 was cut.
    assert.deepEqual(report.pairs["hicra/planning_frac"], { sum: 3, count: 8 });
    assert.deepEqual(report.pairs["hicra/accuracy"], { sum: 2, count: 3 });
    assert.deepEqual(report.pairs["hicra/truncated_frac"], { sum: 1, count: 3 });
    assert.deepEqual(report.pairs["hicra/adv_shift"], { sum: 0, count: 0 });
    assert.equal(report.values["hicra/planning_frac"], 3 / 8);
    assert.equal(report.values["hicra/phrase_entropy"], Math.LN2);
    assert.deepEqual(report.sums.grams, { 0: 1, 1: 1 });
    const { semantic } = report.entropies;
    assert.deepEqual([semantic.support, semantic.samples], [2, 2]);

    const relative = join(path, "relative.json");
    const more = ["--reference", out, "--baseline", "paper", "--alpha", "0.5", "--out", relative];
    assert.equal((await run("metrics", rollouts, ...flags.slice(0, 4), ...more)).code, 0);
    const after = JSON.parse(await readFile(relative, "utf8"));
    assert.equal(after.values["hicra/phrase_entropy_rel"], 1);
    // Three planning tokens gain 1/4 each.
    assert.deepEqual(after.pairs["hicra/adv_shift"], { sum: 0.75, count: 8 });
    assert.deepEqual([after.baseline, after.transforms], ["paper", [{
      name: "hicra",
      alpha: 0.5,
      mode: "paper",
      allowSignChange: false,
    }]]);
  }));

Deno.test("hicra inspect writes one page that needs nothing else", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const page = join(path, "page.html");
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--html", page];
    const { code } = await run(
      "inspect",
      rollouts,
      ...flags,
      "--baseline",
      "paper",
      "--alpha",
      "0.5",
    );
    assert.equal(code, 0);
    const html = await readFile(page, "utf8");
    assert.ok(
      html.includes('data-tip="but wait\nbacktracking\nadvantage 0.5 → 0.75">But wait</mark>,'),
    );
    assert.equal(html.match(/<details/g)!.length, 3);
    assert.ok(html.includes("<p>Advantages: baseline paper, r - mean.</p>"));
    assert.ok(
      html.includes(
        "<p>Transforms: hicra {&quot;alpha&quot;:0.5,&quot;mode&quot;:&quot;paper&quot;," +
          "&quot;allowSignChange&quot;:false}.</p>",
      ),
    );
    assert.doesNotMatch(html, /<script|<link|<img|url\(|https?:|src=/);
  }));

Deno.test("hicra inspect says what a schedule is worth at the step, and the defaults", () =>
  inFolder(async ({ path, tokenizer, lexicon }) => {
    const [file, page] = [join(path, "host.jsonl"), join(path, "page.html")];
    await writeFile(file, lines([{ "prompt_id": "p", "token_ids": [3, 2], advantage: 1 }]));
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--html", page, "--step", "5"];
    const line = { type: "linear", from: 0, to: 0.5, steps: 10 };
    const alpha = { deduction: line, branching: 0.1, backtracking: 0.2, other: 0 };
    const transforms = ["shuffle-mask", JSON.stringify({ name: "hicra", alpha })];
    const more = transforms.flatMap((transform) => ["--transform", transform]);
    assert.deepEqual(await run("inspect", file, ...flags, ...more), { code: 0, stderr: "" });
    const html = (await readFile(page, "utf8")).replaceAll("&quot;", '"');
    assert.ok(html.includes("<p>Advantages: those of the rollouts.</p>"));
    assert.ok(
      html.includes(
        '<p>Transforms at step 5: shuffle-mask {"seed":0,"step":"current","unit":"span"}; hicra {"alpha":{"deduction":' +
          '0.25,"branching":0.1,"backtracking":0.2,"other":0},"mode":"paper","allowSignChange":false}.</p>',
      ),
    );
  }));

Deno.test("hicra inspect selects rollouts", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const page = join(path, "page.html");
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--html", page];
    for (
      const [selection, count] of [
        [["--correct"], 2],
        [["--incorrect"], 1],
        [["--prompt", "p"], 2],
        [["--prompt", "p", "--correct"], 1],
        [["--limit", "1"], 1],
        [["--limit", "0"], 0],
        [["--correct", "--limit", "1", "--baseline", "paper"], 1],
      ] as const
    ) {
      assert.equal((await run("inspect", rollouts, ...flags, ...selection)).code, 0);
      const html = await readFile(page, "utf8");
      assert.equal(html.match(/<details/g)?.length ?? 0, count, selection.join(" "));
    }
  }));

Deno.test("hicra fails in one line, and leaves no file", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const file = async (name: string, text: string): Promise<string> => {
      await writeFile(join(path, name), text);
      return join(path, name);
    };
    const cut = await file("cut.jsonl", lines(ROLLOUTS.slice(0, 1)) + '{"prompt_id": "p", "tok');
    const foreign = await file(
      "foreign.jsonl",
      lines([...ROLLOUTS, { "prompt_id": "q", "token_ids": [1, 10], reward: 0 }]),
    );
    const bare = await file("bare.jsonl", lines([{ "prompt_id": "p", "token_ids": [1] }]));
    const both = await file("both.jsonl", lines([{ ...ROLLOUTS[0], advantage: 1 }]));
    const again = await file(
      "again.jsonl",
      lines([{ ...ROLLOUTS[0], "planning_mask": [1, 1, 0, 1] }]),
    );
    const gzip = await file("cut.gz", "");
    await writeFile(gzip, (await readFile(rollouts)).subarray(0, 60));
    const kind = await file("kind.json", '{"model": {"type": "WordLevel", "vocab": {}}}');
    const notJson = await file("config.txt", "{");
    const unknownKey = await file("key.json", '{"transform": []}');
    const badTransform = await file("bad.json", '{"transforms": [{"name": "hicra", "alpha": 2}]}');
    const badBaseline = await file("baseline.json", '{"baseline": "tlr"}');
    const badLexicon = await file("lexicon.json", '{"format": "hicra-lexicon", "version": 2}');
    const array = await file("array.json", "[]");
    const wrongType = await file("type.json", '{"transforms": {"name": "hicra"}}');
    const out = join(path, "out.jsonl");
    const before = (await readdir(path)).sort();
    const standard = { tokenizer, lexicon, out };

    const cases: [string[], Partial<typeof standard>, RegExp][] = [
      [
        ["mask", join(path, "none.jsonl")],
        {},
        /^Cannot open ".*none.jsonl": no such file or directory$/,
      ],
      [
        ["mask", cut],
        {},
        /^Cannot read .*cut.jsonl line 2 as it must be one JSON object: .*cut off$/,
      ],
      [["mask", gzip], {}, /^Cannot read .*cut.gz as its gzip data must be whole: /],
      [
        ["mask", foreign],
        {},
        /^Cannot mark rollout 3 \(prompt_id "q"\) as its ids must be in the vocabulary, \[0, 10\): token_ids\[1\] is 10; /,
      ],
      [
        ["mask", rollouts],
        { lexicon: "papr" },
        /built-in name \(math, paper, paper-3to5\) or a file: .*"papr", did you mean "paper"\?$/,
      ],
      [
        ["mask", rollouts],
        { tokenizer: kind },
        /^Cannot load tokenizer ".*kind.json": Cannot read tokenizer as .*WordLevel/,
      ],
      [
        ["mask", rollouts],
        { tokenizer: tokenizerSource("qwen3", "tokenizer_config.json") },
        /^Cannot load tokenizer "npm:.*tokenizer_config.json": .* looks like tokenizer_config.json/,
      ],
      [["mask", rollouts], { tokenizer: "none.json" }, /"none.json" does not exist/],
      [
        ["mask", rollouts],
        { out: join(path, "no", "out") },
        /^Cannot write ".*no.out" as its folder must take a new file: no such file or directory$/,
      ],
      [["apply", foreign, "--baseline", "paper"], {}, /^Cannot mark rollout 3 /],
      [["apply", rollouts, "--transform", "gtpo"], {}, /needs batch.entropies/],
      [
        ["apply", rollouts, "--transform", "gtpo", "--baseline", "trl"],
        {},
        /needs batch.entropies/,
      ],
      [
        ["apply", rollouts, "--config", notJson],
        {},
        /^Cannot read .*config.txt as it must be JSON/,
      ],
      [
        ["apply", rollouts, "--config", unknownKey],
        {},
        /key.json as key "transform" is not known: known keys are lexicon, baseline, transforms, metrics, did you mean "transforms"\?$/,
      ],
      [
        ["apply", rollouts, "--config", wrongType],
        {},
        /type.json as transforms must be of type array: /,
      ],
      [["apply", rollouts, "--config", badTransform], {}, /alpha must be less than 1/],
      [
        ["apply", rollouts, "--config", badTransform, "--mode", "symmetric"],
        {},
        /alpha must be less than 1/,
      ],
      [["apply", rollouts, "--config", badBaseline], {}, /is "tlr", did you mean "trl"\?$/],
      [
        ["mask", rollouts],
        { lexicon: badLexicon },
        /^Cannot load lexicon ".*lexicon.json": .* version/,
      ],
      [
        ["mask", rollouts],
        { tokenizer: array },
        /^Cannot load tokenizer ".*array.json": .* no JSON obj/,
      ],
      [["apply", bare], {}, /must have advantages, advantage or reward: they have none of them$/],
      [
        ["apply", both, "--baseline", "trl"],
        {},
        /^Cannot compute a baseline as the rollouts have adv/,
      ],
      [["apply", again], {}, /rollout 0 \(prompt_id "p"\) as it has a planning_mask: .* compound/],
      [["metrics", rollouts, "--reference", tokenizer], {}, /hicra metrics: it has no sums$/],
      [["metrics", rollouts, "--reference", array], {}, /array.json .*: it has no sums$/],
      [
        ["metrics", rollouts, "--reference", notJson],
        {},
        /^Cannot read .*config.txt as it must be JSON/,
      ],
    ];
    for (const [args, other, message] of cases) {
      const { out, tokenizer, lexicon } = { ...standard, ...other };
      const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--out", out];
      const { code, stderr } = await run(...args, ...flags);
      const name = args.join(" ");
      assert.equal(code, 1, name);
      assert.match(stderr, /^hicra: .*\n$/, name);
      assert.match(stderr.trimEnd().replace("hicra: ", ""), message, name);
      assert.deepEqual((await readdir(path)).sort(), before, name);
    }
    const page = ["--tokenizer", tokenizer, "--html", join(path, "page.html")];
    assert.equal((await run("inspect", cut, ...page)).code, 1);
    assert.deepEqual((await readdir(path)).sort(), before);
  }));

Deno.test("hicra exits with 2 on a mistake in its arguments", async () => {
  for (
    const [args, message] of [
      [["mask", "x"], /^hicra: required option '--tokenizer <FILE\|MODEL>' not specified/],
      [["mask"], /^hicra: /],
      [["maks"], /^hicra: unknown command 'maks'/],
      [["maks", "--help"], /^hicra: unknown command 'maks'\n\(Did you mean mask\?\)\n/],
      [["help", "maks"], /^hicra: unknown command 'maks'/],
      [["lexicon", "shwo", "-h"], /^hicra: unknown command 'shwo'/],
      [["mask", "x", "--tokenizer", "t", "--lexico", "l"], /^hicra: unknown option '--lexico'/],
      [
        ["apply", "x", "--tokenizer", "t", "--alpha", "much"],
        /'much' is invalid. It must be a number/,
      ],
      [["apply", "x", "--tokenizer", "t", "--step", "-1"], /'-1' is invalid. It must be a whole/],
      [
        ["apply", "x", "--tokenizer", "t", "--step", "9007199254740993"],
        /'9007199254740993' is invalid. It must be at most 9007199254740991/,
      ],
      [["apply", "x", "--tokenizer", "t", "--transform", "{"], /It must be JSON/],
      [["apply", "x", "--tokenizer", "t", "--baseline", "tlr"], /is "tlr", did you mean "trl"\?$/],
      [
        ["apply", "x", "--tokenizer", "t", "--transform", "hcira"],
        /^hicra: Cannot create transform "hcira" .* hicra, /,
      ],
      [
        ["apply", "x", "--tokenizer", "t", "--transform", '{"alpha": 1}'],
        /must be an object such as/,
      ],
      [
        ["apply", "x", "--tokenizer", "t", "--transform", '{"name": "hicra", "alhpa": 1}'],
        /option "alhpa" is not known/,
      ],
      [["metrics", "x", "--tokenizer", "t", "--alpha", "1.5"], /alpha must be less than 1/],
      [["inspect", "x", "--tokenizer", "t", "--mode", "papr"], /mode must be one of "paper", /],
      [
        ["apply", "x", "--tokenizer", "t", "--transform", "gtpo", "--alpha", "0.1"],
        /^hicra: Cannot set --alpha or --mode as they belong to transform hicra: current transforms are gtpo$/,
      ],
      [["apply", "x", "--tokenizer", "t", "--signal", "a"], /It must be NAME=NUMBER/],
      [["inspect", "x", "--tokenizer", "t", "--correct", "--incorrect"], /cannot be used with/],
    ] as [string[], RegExp][]
  ) {
    const { code, stderr } = await run(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr.trimEnd(), message);
  }
});

Deno.test("hicra exits with 2 where a schedule, a gate or a seed lacks its --step or --signal", () =>
  inFolder(async ({ path, tokenizer, lexicon, rollouts }) => {
    const line = { type: "linear", from: 0.1, to: 0.2, steps: 10 };
    const gate = { type: "gated", signal: "accuracy", threshold: 0.5, when: "above", open: line };
    const config = join(path, "config.json");
    await writeFile(config, JSON.stringify({ transforms: [{ name: "hicra", alpha: line }] }));
    const gated = ["--transform", JSON.stringify({ name: "hicra", alpha: gate })];
    const step = /alpha needs the training step: current value is undefined, give it .* --step$/;
    const before = await readdir(path);
    for (
      const [flags, message] of [
        [["--config", config], step],
        [
          ["--transform", "shuffle-mask", "--transform", "hicra"],
          /"shuffle-mask" as its seed needs/,
        ],
        [[...gated, "--step", "1"], /alpha needs signal "accuracy", .* reports none; .* --signal$/],
        // Also while the gate is closed.
        [[...gated, "--signal", "accuracy=0"], step],
      ] as [string[], RegExp][]
    ) {
      for (const command of ["apply", "metrics"]) {
        const out = ["--lexicon", lexicon, "--baseline", "paper", "--out", join(path, "out.jsonl")];
        const args = [command, rollouts, "--tokenizer", tokenizer, ...out, ...flags];
        const { code, stderr } = await run(...args);
        assert.equal(code, 2, stderr);
        assert.match(stderr.trimEnd(), message);
      }
      assert.deepEqual(await readdir(path), before);
    }
  }));

Deno.test("hicra takes null where a logprob was not measured, and mask looks at none", () =>
  inFolder(async ({ path, tokenizer, lexicon }) => {
    const [file, out] = [join(path, "host.jsonl"), join(path, "out.jsonl")];
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--out", out];
    const rollout = { "prompt_id": "p", "token_ids": [0, 1, 2], advantage: 1 };
    await writeFile(file, lines([{ ...rollout, logprobs: [null, -1, -2] }]));
    const { code, stderr } = await run("apply", file, ...flags);
    assert.equal(code, 0);
    assert.match(stderr, /^hicra: the logprob of some trained tokens is not finite: .*\n$/);
    const [line] = await readLines(out);
    assert.deepEqual(line!.logprobs, [null, -1, -2]);
    assert.deepEqual(line!.advantages, [1.2, 1.2, 1]);
    assert.deepEqual(await run("metrics", file, ...flags), { code, stderr });
    const { pairs } = JSON.parse(await readFile(out, "utf8"));
    assert.deepEqual(pairs["hicra/surprisal_plan"], { sum: 1, count: 1 });
    assert.deepEqual(pairs["hicra/surprisal_missing_frac"], { sum: 1, count: 3 });
    const reading = await run("apply", file, ...flags, "--transform", "sepa");
    assert.equal(reading.code, 1);
    assert.match(reading.stderr, /"sepa" as batch\.oldLogprobs must be finite .*\[0\] is NaN/);

    await writeFile(file, lines([{ ...rollout, logprobs: ["?"], entropies: 5, reward: "high" }]));
    assert.deepEqual(await run("mask", file, ...flags), { code: 0, stderr: "" });
    assert.deepEqual((await readLines(out))[0]!.planning_mask, [1, 1, 0]);
    assert.equal((await run("metrics", file, ...flags)).code, 1);
  }));

Deno.test("the configuration of the documentation amplifies as it is written", () =>
  inFolder(async ({ path }) => {
    const page = await readFile(join(ROOT, "docs/configuration.md"), "utf8");
    const [, json, command] = /```json\n(.*?)```\n\n```sh\nhicra (.*?)\n```/s.exec(page)!;
    const variables = await readFile(join(ROOT, "docs/command-line.md"), "utf8");
    await mkdir(join(path, "report"));
    await writeFile(join(path, "report/config.json"), json!);
    const places: Record<string, string> = {
      "$QWEN": /^QWEN=(\S+)/m.exec(variables)![1]!,
      "$R": join(ROOT, /^R=(\S+)/m.exec(variables)![1]!),
      "report": join(path, "report"),
    };
    const args = command!.split(/[\s\\]+/)
      .map((arg) => arg.replace(/^(\$QWEN|\$R|report)/, (place) => places[place]!));
    const { code, stderr } = await run(...args);
    assert.equal(code, 0, stderr);
    const credited = await readLines(join(path, "report/credited.jsonl"));
    const isAmplified = (line: Record<string, unknown>): boolean => {
      const [mask, advantages] = [line.planning_mask, line.advantages] as [number[], number[]];
      return mask.includes(1) && new Set(advantages).size > 1;
    };
    assert.ok(credited.some(isAmplified));
  }));

Deno.test("hicra apply says why all advantages are 0", () =>
  inFolder(async ({ path, tokenizer, lexicon }) => {
    const [file, out] = [join(path, "single.jsonl"), join(path, "out.jsonl")];
    await writeFile(
      file,
      lines(["p", "q"].map((id) => ({ "prompt_id": id, "token_ids": [3], reward: 1 }))),
    );
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--out", out];
    assert.deepEqual(await run("apply", file, ...flags, "--baseline", "trl"), {
      code: 0,
      stderr:
        "hicra: all advantages are 0, so there is nothing to credit: every prompt_id has one " +
        'rollout, and baseline "trl" gives a group of one 0\n',
    });
    assert.deepEqual((await readLines(out)).map(({ advantages }) => advantages), [[0], [0]]);
  }));

Deno.test("hicra metrics of two files merge by prompt_id where the configuration names a scope", () =>
  inFolder(async ({ path, tokenizer, lexicon }) => {
    const config = join(path, "config.json");
    await writeFile(config, JSON.stringify({ metrics: { groupScope: "step 3" } }));
    const all = [1, 0, 1, 1, 0, 0].map((reward, s) => ({
      "prompt_id": `prompt ${s >> 1}`,
      "token_ids": [3, 2],
      reward,
    }));
    const sumsOf = async (part: readonly object[]): Promise<MetricSums> => {
      const [file, out] = [join(path, "part.jsonl"), join(path, "out.json")];
      await writeFile(file, lines(part));
      const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon, "--config", config];
      assert.equal((await run("metrics", file, ...flags, "--out", out)).code, 0);
      return JSON.parse(await readFile(out, "utf8")).sums;
    };
    const whole = await sumsOf(all);
    for (const cut of [2, 3]) {
      const [one, two] = [await sumsOf(all.slice(0, cut)), await sumsOf(all.slice(cut))];
      assert.deepEqual(mergeMetrics(one!, two!), whole);
    }
    assert.deepEqual(metricPairs(whole)["hicra/zero_std_group_frac"], { sum: 2, count: 3 });
  }));

Deno.test("hicra as a program reads gzip from standard input and writes to standard output", () =>
  inFolder(async ({ tokenizer, lexicon, rollouts }) => {
    const stdin = await readFile(rollouts);
    const flags = ["--tokenizer", tokenizer, "--lexicon", lexicon];
    const masks = await runProgram(["mask", "-", ...flags], { stdin });
    assert.equal(masks.code, 0, masks.stderr);
    assert.deepEqual(
      masks.stdout.trim().split("\n").map((line) => JSON.parse(line).planning_mask),
      [[1, 1, 0, 1], [0, 0, 0], [0, 0]],
    );
    const shown = await runProgram(["inspect", "-", ...flags, "--limit", "1"], { stdin });
    assert.equal(
      shown.stdout,
      "⟦de:deduction⟧ ⟦br:branching⟧ ⟦ba:backtracking⟧ ⟦ot:other⟧\n\n" +
        "── p · ✓ reward 1 · 4 tokens · 75.0 % planning · 2 spans\n⟦ba:But wait⟧,⟦de: so⟧\n",
    );
    const colored = ["inspect", "-", ...flags, "--limit", "1", "--color", "always"];
    assert.ok((await runProgram(colored, { stdin })).stdout.includes("\x1b[1;31mBut wait\x1b[0m,"));
  }));

Deno.test("hicra as a program exits with 1 and one line, or a stack where asked", async () => {
  const args = ["mask", "none.jsonl", "--tokenizer", "none.json"];
  const { code, stdout, stderr } = await runProgram(args);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^hicra: Cannot load tokenizer as .*\n$/);
  const debug = await runProgram(args, { env: { HICRA_DEBUG: "1" } });
  assert.equal(debug.code, 1);
  assert.match(debug.stderr, /RangeError: Cannot load tokenizer[^]*\n\s+at /);
});

Deno.test("hicra list names every transform, baseline and lexicon", async () => {
  const { code, stdout } = await runProgram(["list"]);
  assert.equal(code, 0);
  const hicra = "hicra: HICRA: adds alpha*|A| to the advantage of planning tokens\n" +
    "      alpha: number, linear schedule, gated schedule, an object of these by kind; default 0.2\n" +
    '      mode: "paper", "symmetric", "positive-only", "mass-preserving", "baseline-corrected"; ' +
    'default "paper"\n';
  assert.ok(stdout.includes(hicra), stdout);
  assert.ok(stdout.includes('\n      per: "batch", "sequence"; default "batch"\n'));
  assert.ok(
    stdout.includes("\n      coefficient: number, linear schedule, gated schedule; required\n"),
  );
  const examples = Array.from(stdout.matchAll(/--transform '(.*)'/g), ([, json]) => json!);
  assert.equal(examples.length, 2);
  for (const json of examples) assert.ok(builtinTransforms().create(JSON.parse(json)));
  assert.match(stdout, /\n {2}trl: \(r - mean\)/);
  assert.match(stdout, /paper-3to5/);
});

Deno.test("hicra lexicon export writes a gram a line, which reads back", () =>
  inFolder(async ({ path, lexicon }) => {
    const out = join(path, "grams.txt");
    assert.deepEqual(await run("lexicon", "export", lexicon, "--out", out), {
      code: 0,
      stderr: "",
    });
    assert.equal(await readFile(out, "utf8"), "but wait\nso\n");
    assert.equal((await run("lexicon", "export", out, "--out", `${out}.gz`)).code, 0);
    assert.equal(gunzipSync(await readFile(`${out}.gz`)).toString(), "but wait\nso\n");

    await writeFile(lexicon, '["so", "but\\nwait"]');
    const refused = await run("lexicon", "export", lexicon, "--out", join(path, "none.txt"));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /a gram must hold no line end: grams\[1\]\.text is "but\\nwait"/);
    assert.ok(!(await readdir(path)).includes("none.txt"));
  }));

Deno.test("hicra lexicon drop takes a share in either form, and merge undoes it", () =>
  inFolder(async ({ path }) => {
    const [percent, share, both] = ["a.json", "b.json", "c.json"].map((name) => join(path, name));
    for (const [text, out] of [["30%", percent], ["0.3", share]] as [string, string][]) {
      const args = ["lexicon", "drop", text, "paper", "--seed", "1", "--out", out];
      assert.deepEqual(await run(...args), { code: 0, stderr: "" });
    }
    assert.deepEqual(await readFile(percent!), await readFile(share!));
    const dropped = await loadLexicon(percent!);
    assert.equal(dropped.grams.length, 249 - 75);
    assert.deepEqual(dropped.provenance.parameters?.seed, 1);

    assert.equal((await run("lexicon", "merge", percent!, "paper", "--out", both!)).code, 0);
    const merged = await loadLexicon(both!);
    assert.equal(merged.name, "dropped-paper-0.3-1+paper");
    const { added, removed, changed } = diffLexicons(await loadLexicon("paper"), merged);
    assert.deepEqual([added, removed, changed], [[], [], []]);
    assert.equal(
      (await run("lexicon", "merge", "paper", "--name", "mine", "--out", both!)).code,
      0,
    );
    assert.equal((await loadLexicon(both!)).name, "mine");
  }));

Deno.test("hicra lexicon show and diff write to standard output, as text or JSON", () =>
  inFolder(async ({ path, lexicon }) => {
    const other = join(path, "other.txt");
    await writeFile(other, "but wait\nhmm\n");
    const shown = await runProgram(["lexicon", "show", lexicon, "--limit", "1"]);
    assert.deepEqual(shown, {
      code: 0,
      stdout: "mine · 2 grams · 1 deduction, 1 backtracking\nsource: this test\n\n" +
        "gram      kind\nbut wait  backtracking\n\n1 of 2 grams\n",
      stderr: "",
    });
    const colored = await runProgram(["lexicon", "show", lexicon, "--color", "always"]);
    assert.ok(colored.stdout.startsWith("\x1b[1mmine"));
    const json = ["lexicon", "show", lexicon, "--kind", "deduction", "--json"];
    assert.deepEqual(JSON.parse((await runProgram(json)).stdout), {
      name: "mine",
      provenance: { source: "this test" },
      numGrams: 2,
      grams: [{ gramIndex: 1, text: "so", kind: "deduction" }],
    });
    assert.equal(
      (await runProgram(["lexicon", "diff", lexicon, other])).stdout,
      "mine → other: 1 added, 1 removed, 1 changed\n- so (deduction)\n+ hmm (other)\n" +
        "~ but wait (kind backtracking → other)\n",
    );
    const diff = await runProgram(["lexicon", "diff", lexicon, other, "--json"]);
    assert.deepEqual(JSON.parse(diff.stdout), {
      a: "mine",
      b: "other",
      added: [{ text: "hmm", kind: "other" }],
      removed: [{ text: "so", kind: "deduction" }],
      changed: [{
        before: { text: "but wait", kind: "backtracking" },
        after: { text: "but wait", kind: "other" },
        fields: ["kind"],
      }],
    });
  }));

Deno.test("hicra lexicon check says what a lexicon finds, and what has drifted since", () =>
  inFolder(async ({ path, lexicon }) => {
    const [early, late, json] = ["early.jsonl", "late.jsonl", "early.json"].map((name) =>
      join(path, name)
    );
    const line = (completion: string, reward: number) =>
      JSON.stringify({ "prompt_id": "a", completion, reward }) + "\n";
    const rest = "The sum is odd. ".repeat(20);
    await writeFile(early!, line(`But wait. ${rest}`, 1) + line(`Now we check. ${rest}`, 0));
    await writeFile(late!, line(`${"But wait. ".repeat(5)}${rest}`, 1) + line(rest, 0));
    assert.deepEqual(
      await runProgram(["lexicon", "check", lexicon, early!, "--json", "--out", json!]),
      {
        code: 0,
        stdout: "",
        stderr: `checking rollouts\nhicra: wrote ${json}: 1 warning\n`,
      },
    );
    const { spans, absent, missed } = JSON.parse(await readFile(json!, "utf8"));
    assert.deepEqual([spans, absent, missed[1].text], [1, ["so"], "now we check"]);
    const { code, stdout } = await runProgram(
      ["lexicon", "check", lexicon, late!, "--earlier", json!],
    );
    assert.equal(code, 0);
    assert.match(stdout, /^Lexicon mine\n\nsolutions +2 of 1 prompts\n/);
    assert.match(stdout, /100\.0 % +"but wait", backtracking +But wait\. But wait\./);
    assert.match(stdout, /Never found: "so"/);
    assert.match(stdout, /Warning: the share rose from 1\.2 % to 5\.8 % and repetition rose/);
    const wrong = await run("lexicon", "check", lexicon, late!, "--earlier", lexicon);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /as it must be JSON|must be of type number/);
  }));

Deno.test("hicra lexicon exits with 2 on a mistake in the arguments, and 1 on one in a file", async () => {
  for (
    const [args, code, message] of [
      [["drop", "30", "paper", "--seed", "1"], 2, /It must be a share such as 30% or 0\.3/],
      [["drop", "-1", "paper", "--seed", "1"], 2, /It must be a share/],
      [["drop", "half", "paper", "--seed", "1"], 2, /It must be a share/],
      [["drop", "30%", "paper"], 2, /required option '--seed <N>'/],
      [["drop", "30%", "paper", "--seed", "x"], 2, /It must be a whole number/],
      [["drop", "100%", "paper", "--seed", "1"], 1, /at least one must be left/],
      [["show", "paper", "--kind", "plan"], 2, /Allowed choices are deduction, branching/],
      [["show", "paper", "--cluster", "3"], 1, /none of its 249 grams has cluster 3/],
      [["show"], 2, /missing required argument 'LEXICON'/],
      [["diff", "paper", "papr"], 1, /must be a built-in name .* or a file: .* "papr"/],
      [["merge"], 2, /missing required argument 'LEXICONS'/],
    ] as [string[], number, RegExp][]
  ) {
    const result = await run("lexicon", ...args);
    assert.equal(result.code, code, args.join(" "));
    assert.match(result.stderr, message);
  }
});

fullTest("hicra --help gives examples that run as they stand", () =>
  inFolder(async ({ path }) => {
    await mkdir(join(path, "work"));
    await symlink(join(ROOT, "tests"), join(path, "work", "tests"));
    for (
      const [command, numExamples] of [
        ["mask", 2],
        ["apply", 2],
        ["inspect", 2],
        ["metrics", 2],
        ["lexicon", 6],
      ] as const
    ) {
      const { code, stdout } = await runProgram([command, "--help"]);
      assert.equal(code, 0);
      const examples = stdout.slice(stdout.indexOf("Examples"));
      assert.equal(examples.match(/^ {2}hicra /gm)!.length, numExamples);
      const program = `"${process.execPath}" run -A "${join(ROOT, "cli", "main.ts")}"`;
      const script = examples.slice(examples.indexOf("\n"))
        .replace("deno run -A cli/main.ts", program)
        .replace(/^/, "set -e");
      const shell = spawn("sh", ["-c", script], {
        cwd: join(path, "work"),
        stdio: ["ignore", "ignore", "pipe"],
      });
      let stderr = "";
      shell.stderr.setEncoding("utf8").on("data", (text) => stderr += text);
      assert.equal(await new Promise((resolve) => shell.on("close", resolve)), 0, stderr);
    }
    assert.deepEqual(
      (await readdir(join(path, "work"))).sort(),
      [
        "both.json",
        "control.jsonl.gz",
        "grams.txt",
        "masks.jsonl",
        "paper-70.json",
        "step.safetensors",
        "step400.json",
        "tests",
        "traces.html",
      ],
    );
  }));
