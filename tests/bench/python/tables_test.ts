import assert from "node:assert/strict";
import type { Comparison, ComparisonRow } from "../../../bench/python/comparison.ts";
import type { PythonFigures } from "../../../bench/python/measure_python.ts";
import { pythonPage } from "../../../bench/report/page.ts";
import { pythonBlock } from "../../../bench/report/python_block.ts";
import { pythonTables } from "../../../bench/report/python_tables.ts";

function row(
  name: string,
  side: ComparisonRow["side"],
  ms: number,
  ours: number | null = 10,
): ComparisonRow {
  const ratio = ours === null ? null : ms / ours;
  return {
    name,
    side,
    what: side === "floor" ? "a plain loop" : "ids to text, search",
    samplesMs: [ms, ms, ms],
    timesOurs: ratio === null ? null : { median: ratio, min: ratio, max: ratio },
    finds: side === "Python" ? "12 occurrences" : null,
  };
}

const MATCHER: Comparison = {
  task: "matcher",
  input: "1,000,000 Qwen3 tokens",
  items: 1e6,
  unit: "tokens",
  bytes: 5e6,
  threads: 1,
  rows: [
    row("hicra", "ours", 10),
    row("pyahocorasick", "Python", 60),
    row("regular expression", "npm", 40),
    row("reading the ids", "floor", 2),
  ],
  skipped: {},
};

const LOGITS: Comparison = {
  task: "logits",
  input: "[64, 151,936] float32",
  items: 64,
  unit: "tokens",
  bytes: 4e7,
  threads: 2,
  rows: [
    row("torch eager, whole", "Python", 60, null),
    { ...row("torch.compile", "Python", 12, null), finds: "largest error 1.0e-6, 2.0e-6" },
  ],
  skipped: { "onnxruntime (LogSoftmax)": "No module named 'onnxruntime'" },
};

const FIGURES: PythonFigures = {
  versions: { Python: "3.11.7", torch: "2.15.0" },
  rounds: 3,
  loadBefore: 0.25,
  limits: [
    { threads: 1, copyBytesPerSecond: 1e10, productFlops: 1e11 },
    { threads: 2, copyBytesPerSecond: 2e10, productFlops: null },
  ],
  comparisons: [MATCHER, LOGITS],
  growth: [
    {
      axis: "grams",
      name: "hicra",
      size: 250,
      nanosecondsPerItem: 8.5,
      setupMs: 64,
      addedBytes: 2 ** 24,
    },
    {
      axis: "grams",
      name: "hicra",
      size: 2500,
      nanosecondsPerItem: 20,
      setupMs: null,
      addedBytes: null,
    },
    {
      axis: "vocabulary",
      name: "torch",
      size: 1500,
      nanosecondsPerItem: 3,
      setupMs: 1,
      addedBytes: 2 ** 20,
    },
  ],
  memory: [{ name: "numpy", input: "4 tokens", idleBytes: 2 ** 25, addedBytes: 2 ** 24 }],
  skipped: [],
};

const tableOf = (figures: PythonFigures, title: RegExp) =>
  pythonTables(figures).find((table) => title.test(table.title))!;

Deno.test("pythonTables() shows time over ours and over the limit", () => {
  const matcher = tableOf(FIGURES, /^Matchers/);
  // 5 MB at 10 GB/s take half a millisecond.
  assert.deepEqual(matcher.rows.map((cells) => cells.slice(2)), [
    ["10.0", "100 M tokens/s", "1", "20.0×", "–"],
    ["60.0", "16.7 M tokens/s", "6.00× (6.00–6.00)", "120×", "12 occurrences"],
    ["40.0", "25.0 M tokens/s", "4.00× (4.00–4.00)", "80.0×", "–"],
    ["2.00", "500 M tokens/s", "0.200× (0.200–0.200)", "4.00×", "–"],
  ]);
  assert.equal(matcher.rows[1]![0], "pyahocorasick (Python)");
  assert.doesNotMatch(matcher.note, /not there yet/);
  const logits = tableOf(FIGURES, /^Logits/);
  assert.match(logits.title, /\[64, 151,936\] float32, 2 cores$/);
  assert.match(
    logits.note,
    /Ours is not there yet\. Skipped: onnxruntime \(LogSoftmax\): No module/,
  );
  // 40 MB at 20 GB/s take 2 ms.
  assert.deepEqual(logits.rows[1]!.slice(2), [
    ...["12.0", "5,333 tokens/s", "–", "6.00×", "largest error 1.0e-6, 2.0e-6"],
  ]);
});

Deno.test("pythonTables() says which aims are met, and by how much", () => {
  assert.deepEqual(tableOf(FIGURES, /^Aims/).rows.map(([met, , measured]) => [met, measured]), [
    ["missed", "4.00× (4.00–4.00), regular expression; 0.800 of the aim"],
    ["met", "6.00× (6.00–6.00), pyahocorasick; 1.20 of the aim"],
    ["missed", "5.00×; 0.800 of the aim"],
    ["open", "nothing of ours to measure"],
  ]);
  const rows = [
    row("hicra", "ours", 10),
    row("torch eager, whole", "Python", 60),
    row("torch.compile", "Python", 12),
    row("onnxruntime", "Python", 5),
  ];
  const figures = { ...FIGURES, comparisons: [{ ...LOGITS, rows }] };
  assert.deepEqual(tableOf(figures, /^Aims/).rows, [
    [
      "met",
      "logits ahead of torch, [64, 151,936] float32, 2 cores",
      "1.20× (1.20–1.20), torch.compile; 1.20 of the aim",
    ],
  ]);
});

Deno.test("pythonTables() shows limits, growth and memory", () => {
  assert.deepEqual(tableOf(FIGURES, /^Limits/).rows, [
    ["plain copy, GB/s", "10.0", "20.0"],
    ["matrix product, GFLOP/s", "100", "–"],
  ]);
  assert.match(tableOf(FIGURES, /^Limits/).note, /when it began: 0\.3, .* Python 3\.11\.7, torch/);
  const grams = tableOf(FIGURES, /: grams$/);
  assert.deepEqual(grams.columns, ["", "250 grams", "2,500 grams"]);
  assert.deepEqual(grams.rows, [["hicra", "8.50 (64.0 ms, 16 MiB)", "20.0"]]);
  assert.deepEqual(tableOf(FIGURES, /: vocabulary$/).rows, [["torch", "3.00 (1 MiB)"]]);
  assert.equal(tableOf(FIGURES, /: tokens$/), undefined);
  assert.deepEqual(tableOf(FIGURES, /^Memory/).rows, [["numpy", "4 tokens", "32", "16", "48"]]);
});

Deno.test("pythonPage() and pythonBlock() hold every table", () => {
  const page = [...pythonPage(FIGURES, "today, 2 cores")].join("");
  const block = pythonBlock(FIGURES, "today, 2 cores");
  for (const { title } of pythonTables(FIGURES)) {
    assert.ok(page.includes(title), title);
    assert.ok(block.includes(`### ${title}\n`), title);
  }
  assert.doesNotMatch(page + block, /NaN|undefined|\[object /);
  assert.match(block, /^today, 2 cores\.\n\n### Aims beside Python\n/);
});
