import assert from "node:assert/strict";
import fc from "fast-check";
import { bootstrap, type Interval, quantile } from "../../../bench/lexicons/bootstrap.ts";
import { blindSample } from "../../../bench/lexicons/blind_sample.ts";
import { drawNgrams } from "../../../bench/lexicons/draw_ngrams.ts";
import { scoreLexicon } from "../../../bench/lexicons/score_lexicon.ts";
import { parseLabels, scoreFunction } from "../../../bench/lexicons/functional_labels.ts";
import { importanceLift, importanceOf } from "../../../bench/lexicons/importance_lift.ts";
import {
  isPlanning,
  type LabeledTrace,
  loadLabeledTraces,
  placeSentences,
} from "../../../bench/lexicons/labeled_sentences.ts";
import { parseMiningOptions } from "../../../bench/lexicons/options.ts";
import { paperLists } from "../../../bench/lexicons/paper_lists.ts";
import { findReference, referenceRecall } from "../../../bench/lexicons/recall_of_paper.ts";
import { coverTraces, scoreSentences } from "../../../bench/lexicons/score_sentences.ts";
import { jaccardOfCovers } from "../../../bench/lexicons/stability.ts";
import { lexiconTables } from "../../../bench/lexicons/lexicon_tables.ts";
import { TextMatcher } from "../../../bench/lexicons/text_matcher.ts";
import { wilsonInterval } from "../../../bench/lexicons/wilson.ts";
import { type Lexicon, lexiconFromGrams } from "../../../sg/mod.ts";

const lexiconOf = (...grams: string[]): Lexicon => lexiconFromGrams(grams, { name: "t" });

/** A trace of sentences with a space between them. */
function traceOf(
  ...sentences: readonly (readonly [text: string, tag: string, importance?: number])[]
): LabeledTrace {
  let text = "";
  const placed = sentences.map(([sentence, tag, importance = 0]) => {
    const start = text.length;
    text += `${sentence} `;
    return {
      start,
      end: start + sentence.length,
      tags: [tag],
      importanceAccuracy: importance,
      importanceKl: undefined,
    };
  });
  return placeSentences([{ id: "p", text, sentences: placed }])[0]!;
}

const rounded = ({ value, low, high }: Interval): number[] =>
  [value, low, high].map((figure) => Number(figure.toFixed(2)));

Deno.test("TextMatcher.cover() marks UTF-16 units whatever their number of bytes", () => {
  const matcher = new TextMatcher(lexiconOf("but wait", "né", "𝒙 so"));
  const marked = (text: string): string =>
    Array.from(matcher.cover(text), (bit, i) => bit ? text[i] : "-").join("");
  for (
    const [text, expected] of [
      ["", ""],
      ["So, BUT  wait.", "----BUT  wait-"],
      ["but waits", "---------"],
      ["é né é", "--né--"],
      ["π 𝒙 so 𝒙", "--𝒙 so---"],
    ] as const
  ) assert.equal(marked(text), expected);
});

Deno.test("TextMatcher.spans() agrees with cover() where grams do not overlap", () => {
  const matcher = new TextMatcher(lexiconOf("but wait", "né"));
  assert.deepEqual(matcher.spans("é Né 𝒙 but wait"), [
    { start: 2, end: 4, gramIndex: 1 },
    { start: 8, end: 16, gramIndex: 0 },
  ]);
});

Deno.test("placeSentences() gives deciles by number and quartiles by length", () => {
  const lengths = [1, 1, 2, 3, 4, 5, 6, 7];
  let at = 0;
  const sentences = lengths.map((length) => ({
    start: at,
    end: at += length,
    tags: [],
    importanceAccuracy: 0,
    importanceKl: undefined,
  }));
  const [placed] = placeSentences([{ id: "p", text: "x".repeat(at), sentences }]);
  assert.deepEqual(placed!.sentences.map(({ decile }) => decile), [0, 1, 2, 3, 5, 6, 7, 8]);
  assert.deepEqual(
    placed!.sentences.map(({ lengthQuartile }) => lengthQuartile),
    [0, 0, 1, 1, 2, 2, 3, 3],
  );
  assert.deepEqual(placeSentences([]), []);
});

Deno.test("scoreSentences() counts a sentence that any match touches", () => {
  const trace = traceOf(
    ["But wait.", "self_checking"], // 8 of 9 units
    ["Let me see", "plan_generation"], // none of 10
    ["1 but wait", "active_computation"], // 8 of 10
    ["1 + 1", "active_computation"], // none of 5
  );
  const covers = coverTraces(lexiconOf("but wait"), [trace]);
  const score = scoreSentences([trace], covers, { seed: 0 });
  assert.equal(score.precision.value, 1 / 2);
  assert.equal(score.recall.value, 1 / 2);
  assert.equal(score.share.value, 16 / 34);
  assert.equal(score.shareInside.value, 8 / 19);
  assert.equal(score.shareOutside.value, 8 / 15);
  assert.deepEqual(score.precision, { value: 1 / 2, low: 1 / 2, high: 1 / 2 }); // one trace only
  assert.equal(score.matchedSentences, 2);
});

Deno.test("scoreSentences() has no precision when nothing matches", () => {
  const trace = traceOf(["1 + 1", "plan_generation"]);
  const score = scoreSentences([trace], coverTraces(lexiconOf("so"), [trace]), { seed: 0 });
  assert.ok(Number.isNaN(score.precision.value) && Number.isNaN(score.precision.low));
  assert.equal(score.recall.value, 0);
});

Deno.test("scoreSentences() reproduces the published figures of the paper's list", async () => {
  const traces = await loadLabeledTraces();
  assert.equal(traces.length, 20);
  assert.equal(traces.flatMap(({ sentences }) => sentences).length, 2929);
  assert.equal(traces.flatMap(({ sentences }) => sentences.filter(isPlanning)).length, 824);
  assert.ok(traces.every(({ sentences }) => sentences.every(({ tags }) => tags.length === 1)));
  // Precision with its interval, recall, share. Interval ends move by 0.005 with the seed.
  const expected = [
    [[0.39, 0.34, 0.44], 0.835, 0.071],
    [[0.62, 0.58, 0.66], 0.396, 0.029],
    [[0.61, 0.54, 0.69], 0.1, 0.01],
  ] as const;
  for (const [l, lexicon] of (await paperLists()).entries()) {
    const score = scoreSentences(traces, coverTraces(lexicon, traces), { seed: 0 });
    const [precision, recall, share] = expected[l]!;
    assert.deepEqual(rounded(score.precision), precision);
    assert.equal(Number(score.recall.value.toFixed(3)), recall);
    assert.equal(Number(score.share.value.toFixed(3)), share);
  }
});

Deno.test("loadLabeledTraces() joins the KL divergences to the sentences", async () => {
  const [first] = await loadLabeledTraces();
  const fourth = first!.sentences[3]!;
  assert.equal(fourth.importanceAccuracy, -0.034237288135593236);
  assert.equal(fourth.importanceKl, 2.218982494924772);
});

Deno.test("bootstrap() gives the same intervals for the same seed, and others for another", () => {
  const values = [1.13, 4.31, 2.07, 8.53, 5.71, 7.19];
  const mean = (counts: Int32Array): { mean: number } => ({
    mean: values.reduce((sum, value, i) => sum + counts[i]! * value, 0) / values.length,
  });
  const first = bootstrap(6, mean, { seed: 3 });
  assert.deepEqual(bootstrap(6, mean, { seed: 3 }), first);
  assert.notDeepEqual(bootstrap(6, mean, { seed: 4 }), first);
  // NumPy 2.4.6: percentiles of the means of all 6^6 draws; 2,000 draws come within 0.3.
  assert.ok(Math.abs(first.mean.value - 28.94 / 6) < 1e-12);
  assert.ok(Math.abs(first.mean.low - 2.737) < 0.3 && Math.abs(first.mean.high - 6.910) < 0.3);
});

Deno.test("bootstrap() draws as many units as there are", () => {
  const count = (counts: Int32Array): { units: number } => ({
    units: counts.reduce((a, b) => a + b, 0),
  });
  assert.deepEqual(bootstrap(7, count, { seed: 0, resamples: 50 }).units, {
    value: 7,
    low: 7,
    high: 7,
  });
});

Deno.test("quantile() interpolates as NumPy does", () => {
  assert.equal(quantile(Float64Array.of(1, 2, 4), 0.75), 3);
  assert.equal(quantile(Float64Array.of(5), 0.025), 5);
  assert.ok(Number.isNaN(quantile(new Float64Array(), 0.5)));
});

Deno.test("importanceLift() compares within strata, weighted by the matched sentences", () => {
  // Two traces of two sentences of one length: deciles 0 and 5, quartile 0.
  const traces = [
    traceOf(["but a", "x", -3], ["red a", "x", 1]),
    traceOf(["red b", "x", 1], ["but b", "x", 1]),
  ];
  const covers = coverTraces(lexiconOf("but"), traces);
  const lift = importanceLift(traces, covers, { seed: 0, measure: "accuracy" });
  // Importances 3, 1, 1, 1: mean 1.5, deviation sqrt(3)/2. Differences 2 and 0.
  assert.equal(lift.matchedMean, 2);
  assert.equal(lift.expectedMean, 1);
  assert.ok(Math.abs(lift.deviation - Math.sqrt(3) / 2) < 1e-12);
  assert.ok(Math.abs(lift.lift.value - 2 / Math.sqrt(3)) < 1e-12);
  assert.equal(lift.comparedSentences, 2);
});

Deno.test("importanceLift() leaves out strata without an unmatched sentence", () => {
  const trace = traceOf(["but a", "x", 1], ["but b", "x", 2]);
  const lift = importanceLift([trace], coverTraces(lexiconOf("but"), [trace]), {
    seed: 0,
    measure: "accuracy",
  });
  assert.deepEqual([lift.comparedSentences, lift.uncomparedSentences], [0, 2]);
  assert.ok(Number.isNaN(lift.lift.value));
});

Deno.test("importanceOf() refuses KL where the file has none", () => {
  assert.equal(importanceOf({ importanceAccuracy: -2, importanceKl: 1 }, "accuracy"), 2);
  assert.equal(importanceOf({ importanceAccuracy: -2, importanceKl: 1 }, "kl"), 1);
  assert.throws(() => importanceOf({ importanceAccuracy: 1, importanceKl: undefined }, "kl"), {
    name: "TypeError",
    message: "Cannot measure importance by KL divergence as the sentences must have " +
      'counterfactual_importance_kl: pass "accuracy"',
  });
});

Deno.test("jaccardOfCovers() divides common by joint code units", () => {
  const cover = (...bits: number[]): Uint8Array => Uint8Array.from(bits);
  assert.equal(jaccardOfCovers([cover(1, 1, 0), cover(1)], [cover(0, 1, 1), cover(1)]), 2 / 4);
  assert.equal(jaccardOfCovers([cover(0)], [cover(0)]), 1);
  assert.throws(() => jaccardOfCovers([cover(0)], [cover(0, 1)]), {
    name: "RangeError",
    message:
      "Cannot compare covers as they must be of the same traces: there are 1 and 1, or their " +
      "lengths differ",
  });
});

Deno.test("wilsonInterval() gives the textbook intervals", () => {
  // Newcombe 1998 (Statistics in Medicine 17), table I, method 3: 81 of 263.
  const { low, high } = wilsonInterval(81, 263);
  assert.deepEqual([low.toFixed(4), high.toFixed(4)], ["0.2553", "0.3662"]);
  assert.deepEqual(rounded(wilsonInterval(0, 20)), [0, 0, 0.16]);
  assert.deepEqual(rounded(wilsonInterval(20, 20)), [1, 0.84, 1]);
  const none = wilsonInterval(0, 0);
  assert.deepEqual([none.value, none.low, none.high], [NaN, 0, 1]);
  assert.throws(() => wilsonInterval(2, 1), {
    name: "RangeError",
    message:
      "Cannot compute a Wilson interval as successes must be from 0 to 1: current value is 2",
  });
});

Deno.test("wilsonInterval() holds the share", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(fc.property(fc.integer({ min: 1, max: 500 }), share, (n, p) => {
    const { value, low, high } = wilsonInterval(Math.round(p * n), n);
    assert.ok(0 <= low && low <= value && value <= high && high <= 1);
  }));
});

Deno.test("scoreFunction() counts distinct labeled grams", () => {
  const labels = parseLabels(
    '{"text": "But  wait", "label": true}\n\n{"text": "value of", "label": false}\n',
    "l",
  );
  const score = scoreFunction(lexiconOf("but wait", "BUT wait", "value of", "let me"), labels);
  assert.deepEqual([score.functional, score.labeled, score.unlabeled], [1, 2, 1]);
  assert.equal(score.precision.value, 1 / 2);
});

const BAD_LABELS: readonly (readonly [content: string, name: string, message: string])[] = [
  ["so", "SyntaxError", "Cannot read labels as every line must be JSON: l, line 1 is not"],
  [
    '{"text": "so", "label": 1}',
    "TypeError",
    "Cannot read labels as a line must hold text and a label of true or false: l, line 1 is " +
    '{"text": "so", "label": 1}',
  ],
  [
    "null",
    "TypeError",
    "Cannot read labels as a line must hold text and a label of true or false: l, line 1 is null",
  ],
  [
    '{"text": "so", "label": true}\n{"text": "So", "label": false}',
    "RangeError",
    "Cannot read labels as a phrase must have one label: l, line 2 contradicts an earlier line on " +
    '"so"',
  ],
];

for (const [content, name, message] of BAD_LABELS) {
  Deno.test(`parseLabels() refuses ${JSON.stringify(content)}`, () => {
    assert.throws(() => parseLabels(content, "l"), { name, message });
  });
}

Deno.test("drawNgrams() draws every n-gram of a small text, and no other", () => {
  const texts = ["A b c, d e", "f"];
  const drawn = drawNgrams(texts, { count: 4, seed: 1, words: [2, 3] });
  assert.deepEqual(drawn.sort(), ["a b", "a b c", "b c", "d e"]);
  assert.deepEqual(
    drawNgrams(texts, { count: 3, seed: 1, words: [2, 3], exclude: new Set(["b c"]) }).sort(),
    ["a b", "a b c", "d e"],
  );
  assert.throws(() => drawNgrams(texts, { count: 5, seed: 1, words: [2, 3] }), {
    name: "RangeError",
    message: "Cannot draw n-grams as the texts must hold 5 of 2 to 3 words: 4 were found",
  });
});

Deno.test("blindSample() mixes grams and n-grams, the same for one seed", () => {
  const lexicon = lexiconOf("let me see", "so", "but wait");
  const texts = ["we add one and two and three to it"];
  const sample = blindSample(lexicon, texts, {
    grams: 2,
    random: 5,
    seed: 2,
    labeled: new Set(["so"]),
  });
  assert.deepEqual(
    blindSample(lexicon, texts, { grams: 2, random: 5, seed: 2, labeled: new Set(["so"]) }),
    sample,
  );
  assert.equal(new Set(sample).size, 7);
  assert.ok(sample.includes("let me see") && sample.includes("but wait") && !sample.includes("so"));
});

Deno.test("referenceRecall() tells exact from covered entries", () => {
  const reference = lexiconOf("let me see", "but let me", "the plan is", "never there");
  const found = findReference(reference, [
    "But let me see. The plan is",
    "the plan is: the plan is",
  ]);
  assert.deepEqual([...found.entries.keys()], ["let me see", "but let me", "the plan is"]);
  assert.deepEqual(referenceRecall(lexiconOf("let me see", "is:"), found), {
    occurring: 3,
    exact: 1,
    covered: 2, // "but let me" overlaps; "the plan is" is touched in one of three places only
    coveredOccurrences: 3 / 5,
  });
});

Deno.test("lexiconTables() has a column for every lexicon", async () => {
  const trace = traceOf(["But wait.", "self_checking", 1], ["1 + 1", "active_computation"]);
  const lexicon = lexiconOf("but wait", "so");
  const figures = await scoreLexicon(lexicon, lexicon, {
    traces: [trace],
    labels: parseLabels('{"text": "so", "label": true}', "l"),
    reference: findReference(lexicon, [trace.text]),
    removal: undefined,
  }, { seed: 0 });
  const [table, ...others] = lexiconTables([figures]);
  assert.deepEqual(others, []);
  assert.deepEqual(table!.columns, ["", "t"]);
  const cell = (label: string): string => table!.rows.find(([first]) => first === label)![1]!;
  assert.equal(cell("precision of sentences"), "1.00 [1.00, 1.00]");
  assert.equal(cell("importance lift, KL"), "–");
  assert.equal(cell("  labeled, unlabeled"), "1, 1");
  assert.equal(cell("paper's 3 to 5: exact"), "1 of 1");
});

Deno.test("parseMiningOptions() refuses what it cannot do", () => {
  assert.equal(parseMiningOptions(["--help"]), null);
  assert.deepEqual(parseMiningOptions(["--lexicon", "a", "--lexicon", "b"])!.lexicons, ["a", "b"]);
  assert.throws(() => parseMiningOptions(["--seed", "x"]), {
    name: "RangeError",
    message: 'Cannot score lexicons as --seed must be a whole number from 0: current value is "x"',
  });
  assert.throws(() => parseMiningOptions(["--quick", "--readme"]), {
    name: "RangeError",
    message: "Cannot write figures into the README as they must be of a full run on what is " +
      "shipped: --quick is given",
  });
});

for (
  const [what, options, message] of [
    [
      "no unit",
      [0, 0, 1],
      "Cannot bootstrap as there must be at least one unit: current value is 0",
    ],
    [
      "a bad seed",
      [1, -1, 1],
      "Cannot bootstrap as seed must be a whole number from 0: current value is -1",
    ],
    [
      "no draw",
      [1, 0, 0],
      "Cannot bootstrap as resamples must be a whole number from 1: current value is 0",
    ],
  ] as const
) {
  Deno.test(`bootstrap() refuses ${what}`, () => {
    const [units, seed, resamples] = options;
    assert.throws(() => bootstrap(units, () => ({}), { seed, resamples }), {
      name: "RangeError",
      message,
    });
  });
}
