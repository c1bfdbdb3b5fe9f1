import assert from "node:assert/strict";
import {
  type Trace,
  traceAnsi,
  traceControlsHtml,
  traceHtml,
  tracesPage,
  traceStyles,
} from "../../view/mod.ts";

const TRACE: Trace = {
  promptId: "p",
  truncated: false,
  numTokens: 3,
  numPlanning: 1,
  segments: [
    { text: "So", numTokens: 1, trained: true, mark: "deduction", gram: "so" },
    { text: " x", numTokens: 2, trained: true },
  ],
};

Deno.test("traceAnsi() writes what is known", () => {
  const plain = (fields: Partial<Trace>): string =>
    traceAnsi({ ...TRACE, ...fields }, { color: false });
  assert.equal(plain({}), "── p · 3 tokens · 33.3 % planning\n⟦de:So⟧ x\n");
  assert.equal(plain({ numTokens: 0, segments: [] }), "── p · 0 tokens\n\n");
  assert.equal(
    plain({
      prompt: "Why\n  not?",
      reward: -0.123456,
      correct: false,
      numTokens: 1,
      numSpans: 1,
      advantage: { before: 0.5, after: 0.625 },
      truncated: true,
    }),
    "── p · ✗ reward -0.1235 · 1 token · 100.0 % planning · 1 span · mean advantage 0.5 → 0.625 · " +
      "truncated\nprompt: Why not?\n⟦de:So⟧ x\n",
  );
  assert.match(plain({ prompt: "x".repeat(200) }), /\nprompt: x{160}…\n/);
});

Deno.test("traceAnsi() colors by kind, line by line, and dims what is not trained", () => {
  const segments: Trace["segments"] = [
    { text: "Wait\n\nno", numTokens: 1, trained: true, mark: "backtracking" },
    { text: " tool", numTokens: 1, trained: false },
    { text: "", numTokens: 1, trained: true, mark: "other" },
  ];
  assert.equal(
    traceAnsi({ ...TRACE, segments }, { color: true }),
    "\x1b[1m── p · 3 tokens · 33.3 % planning\x1b[0m\n" +
      "\x1b[1;31mWait\x1b[0m\n\n\x1b[1;31mno\x1b[0m\x1b[2m tool\x1b[0m\n",
  );
});

Deno.test("traceAnsi() shows control characters, so that a rollout cannot steer the terminal", () => {
  const text = "a\x1b[2J\x07\r\x7f\x9b\tb\n";
  const shown = traceAnsi({
    ...TRACE,
    promptId: "\x1b]0;x",
    segments: [{ text, numTokens: 3, trained: true }],
  }, { color: false });
  assert.equal(shown, "── ␛]0;x · 3 tokens · 33.3 % planning\na␛[2J␇␍␡\ufffd\tb\n\n");
});

Deno.test("traceHtml() escapes everything that a rollout brings", () => {
  const evil = "<b>&\"'";
  const html = traceHtml({
    ...TRACE,
    promptId: evil,
    prompt: evil,
    segments: [
      { text: evil, numTokens: 1, trained: true, mark: "other", gram: evil },
      { text: evil, numTokens: 1, trained: true },
    ],
  });
  assert.ok(!html.includes('<b>&"'));
  assert.equal(html.match(/&lt;b&gt;&amp;&quot;'/g)!.length, 5);
  assert.ok(html.includes(`data-tip="&lt;b&gt;&amp;&quot;'\nother"`));
});

Deno.test("traceHtml() shows outcome, strip, moved and untrained text", () => {
  const html = traceHtml({
    ...TRACE,
    reward: 1,
    correct: true,
    segments: [
      ...TRACE.segments,
      { text: "!", numTokens: 1, trained: true, advantage: { before: 1, after: 0.5 } },
      { text: "tool", numTokens: 1, trained: false },
    ],
  }, { open: true });
  assert.match(html, /^<details class="trace correct" open>/);
  assert.ok(html.includes('<span class="verdict">✓ reward 1</span>'));
  assert.ok(html.includes('viewBox="0 0 5 1"'));
  assert.ok(html.includes('<rect class="deduction" x="0" width="1" height="1"/></svg>'));
  assert.ok(html.includes('<span class="moved" data-tip="advantage 1 → 0.5">!</span>'));
  assert.ok(html.includes('<span class="untrained">tool</span>'));
  assert.match(
    traceHtml({ ...TRACE, correct: false, reward: 0 }),
    /^<details class="trace incorrect">/,
  );
  assert.match(traceHtml(TRACE), /^<details class="trace">/);
});

Deno.test("traceControlsHtml() has a box for each kind, which the style sheet knows", () => {
  const names = [...traceControlsHtml().matchAll(/class="(show-\w+)"/g)].map(([, name]) => name!);
  assert.deepEqual(names, [
    "show-deduction",
    "show-branching",
    "show-backtracking",
    "show-other",
    "show-all",
    "show-correct",
    "show-incorrect",
  ]);
  for (const name of names) {
    assert.equal(traceStyles.includes(`.${name}:`), name !== "show-all", name);
  }
});

Deno.test("tracesPage() opens the first traces, and takes notes as plain text", async () => {
  const chunks = await Array.fromAsync(
    tracesPage([TRACE, TRACE, TRACE], { title: "a < b", notes: ["1 & 2"], numOpen: 2 }),
  );
  const html = chunks.join("");
  assert.match(html, /^<!doctype html>\n<html lang="en">/);
  assert.ok(html.includes("<title>a &lt; b</title>") && html.includes("<h1>a &lt; b</h1>"));
  assert.ok(html.includes("<p>1 &amp; 2</p>"));
  assert.equal(html.match(/<details class="trace" open>/g)!.length, 2);
  assert.equal(html.match(/<\/details>/g)!.length, 3);
  assert.ok(html.endsWith("</main>\n</body>\n</html>\n"));
});
