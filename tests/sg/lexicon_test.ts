import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { type Gram, GRAM_KINDS } from "../../sg/gram.ts";
import {
  duplicateGrams,
  type Lexicon,
  lexiconFromGrams,
  lexiconFromJson,
  parseLexicon,
  serializeLexicon,
} from "../../sg/lexicon.ts";
import { BUILT_IN_LEXICONS } from "../../sg/built_in_lexicons.ts";
import { loadLexicon } from "../../files/load_lexicon.ts";
import { SgMatcher } from "../../sg/sg_matcher.ts";
import { tokenBytes } from "../../sg/token_bytes.ts";

const textsOf = (lexicon: Lexicon): string[] => lexicon.grams.map((gram) => gram.text);
const parse = (text: string): Lexicon => parseLexicon(text, { name: "t" });

const FULL: Lexicon = lexiconFromGrams(
  [
    {
      text: "but wait",
      kind: "backtracking",
      confidence: 0.75,
      cluster: 3,
      documentFrequency: 4,
      occurrences: 5,
      statistics: { dispersion: -0.5, arf: 1e-7 },
      example: "So 4.\nBut wait",
      controlOf: { text: 'So,\u2028"x"', documentFrequency: 4, occurrences: 6 },
    },
    { text: "## step", kind: "other" },
  ],
  {
    name: "full",
    provenance: {
      source: "a test",
      corpusDigest: "sha256:00",
      parameters: { b: 1, a: "x", c: null, d: true },
      notes: ["one\ntwo"],
    },
  },
);

Deno.test("parseLexicon() reads plain text, an array and our format alike", () => {
  const expected = ["## step", "hmm,", "but wait", "# no comment", "// nor this"];
  const plain = "\ufeff## step\r\n\r\n  hmm,  \n\t\nbut wait\n# no comment\r// nor this";
  assert.deepEqual(textsOf(parse(plain)), expected);
  assert.deepEqual(textsOf(parse(` ${JSON.stringify(expected)}`)), expected);
  const own = serializeLexicon(lexiconFromGrams(expected, { name: "own" }));
  assert.deepEqual(textsOf(parse(own)), expected);
  assert.equal(parse(plain).name, "t");
  assert.equal(parse(own).name, "own"); // the file's own name wins
  assert.ok(parse(plain).grams.every((gram) => gram.kind === "other"));
});

Deno.test("serializeLexicon() writes the promised text", () => {
  assert.equal(
    serializeLexicon(FULL),
    `{
  "format": "hicra-lexicon",
  "version": 1,
  "name": "full",
  "provenance": {
    "source": "a test",
    "corpusDigest": "sha256:00",
    "parameters": {
      "a": "x",
      "b": 1,
      "c": null,
      "d": true
    },
    "notes": [
      "one\\ntwo"
    ]
  },
  "grams": [
    { "text": "but wait", "kind": "backtracking", "confidence": 0.75, "cluster": 3, ` +
      `"documentFrequency": 4, "occurrences": 5, "statistics": { "arf": 1e-7, "dispersion": -0.5 }, ` +
      `"example": "So 4.\\nBut wait", "controlOf": { "text": "So,\u2028\\"x\\"", "documentFrequency": 4, ` +
      `"occurrences": 6 } },
    { "text": "## step", "kind": "other" }
  ]
}
`,
  );
});

Deno.test("serializeLexicon() gives equal bytes whatever the order of the fields", () => {
  const { provenance, grams, ...rest } = FULL;
  const reversed = <T extends object>(value: T): T =>
    Object.fromEntries(Object.entries(value).reverse()) as T;
  const shuffled = reversed({
    ...rest,
    grams: grams.map(reversed),
    provenance: reversed({ ...provenance, parameters: reversed(provenance.parameters!) }),
  });
  assert.equal(serializeLexicon(shuffled), serializeLexicon(FULL));
});

Deno.test("parseLexicon() reads back what serializeLexicon() writes", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 }).map((rest) => `x${rest}`);
  const count = fc.nat();
  const isWritable = (value: number): boolean => !Object.is(value, -0); // JSON has no -0
  const fraction = fc.double({ min: 0, max: 1, noNaN: true });
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).filter(isWritable);
  const gram: fc.Arbitrary<Gram> = fc.record(
    {
      text,
      kind: fc.constantFrom(...GRAM_KINDS),
      confidence: fraction,
      cluster: count,
      documentFrequency: count,
      occurrences: count,
      statistics: fc.dictionary(fc.string(), number, { noNullPrototype: true }),
      example: fc.string({ unit: "binary" }),
      controlOf: fc.record({ text, documentFrequency: count, occurrences: count }),
    },
    { requiredKeys: ["text", "kind"], noNullPrototype: true },
  );
  fc.assert(fc.property(fc.array(gram, { minLength: 1 }), fc.string(), (grams, name) => {
    const lexicon = lexiconFromGrams(grams, { name });
    assert.deepEqual(parse(serializeLexicon(lexicon)), lexicon);
    assert.equal(serializeLexicon(parse(serializeLexicon(lexicon))), serializeLexicon(lexicon));
  }));
});

Deno.test("lexiconFromGrams() returns a fresh lexicon and keeps duplicates", () => {
  const grams = ["so", "So"];
  const lexicon = lexiconFromGrams(grams, { name: "t" });
  grams[0] = "changed";
  assert.deepEqual(textsOf(lexicon), ["so", "So"]);
  assert.deepEqual(lexicon.provenance, { source: "t" });
});

Deno.test("duplicateGrams() finds what normalizes to the same text", () => {
  const lexicon = lexiconFromGrams(
    ["let's", "so", "LET\u2019S", "but wait", " but \n wait ", "so", "so,"],
    { name: "t" },
  );
  assert.deepEqual(duplicateGrams(lexicon), [
    { gramIndex: 2, firstIndex: 0 },
    { gramIndex: 4, firstIndex: 3 },
    { gramIndex: 5, firstIndex: 1 },
  ]);
});

const own = (change: object): string => JSON.stringify({ ...FULL, ...change });
const REFUSED: { name: string; text: string; error: [string, string | RegExp] }[] = [
  {
    name: "an empty file",
    text: "\n \n",
    error: ["RangeError", 'Cannot make lexicon "t" as it must hold at least one gram'],
  },
  {
    name: "an empty array",
    text: "[]",
    error: ["RangeError", 'Cannot make lexicon "t" as it must hold at least one gram'],
  },
  {
    name: "broken JSON",
    text: '["so",',
    error: [
      "SyntaxError",
      /^Cannot read lexicon "t" as text that begins with "\[" must be JSON: ./,
    ],
  },
  {
    name: "a gram that is no string",
    text: '["so", 5]',
    error: [
      "TypeError",
      "Cannot read lexicon as grams[1] must be of type string: current value is 5",
    ],
  },
  {
    name: "a gram of white space",
    text: '["so", " \\n"]',
    error: [
      "RangeError",
      'Cannot read lexicon as grams[1].text must hold more than white space: current value is " \\n"',
    ],
  },
  {
    name: "an over-long gram",
    text: `so\n${"long ".repeat(103)}`,
    error: [
      "RangeError",
      "Cannot read lexicon as grams[1].text must be at most 512 characters long: current value is " +
      `"${"long ".repeat(103).slice(0, 119)}...`,
    ],
  },
  {
    name: "another format",
    text: '{"strategic_grams": ["so"]}',
    error: [
      "RangeError",
      'Cannot read lexicon as format must be "hicra-lexicon", or pass an array of strings for a ' +
      "bare list: current value is undefined",
    ],
  },
  {
    name: "a missing format",
    text: '{"grams": ["so"]}',
    error: [
      "RangeError",
      'Cannot read lexicon as format must be "hicra-lexicon", or pass an array of strings for a ' +
      "bare list: current value is undefined",
    ],
  },
  {
    name: "a newer version",
    text: own({ version: 2 }),
    error: [
      "RangeError",
      "Cannot read lexicon as version must be 1, a newer file needs a newer hicra: current value is 2",
    ],
  },
  {
    name: "grams that are no array",
    text: own({ grams: "so" }),
    error: [
      "TypeError",
      'Cannot read lexicon as grams must be of type array: current value is "so"',
    ],
  },
  {
    name: "an unknown kind",
    text: own({ grams: [{ text: "so", kind: "plan" }] }),
    error: [
      "RangeError",
      'Cannot read lexicon as grams[0].kind must be one of "deduction", "branching", "backtracking", ' +
      '"other": current value is "plan"',
    ],
  },
  {
    name: "a misspelled field",
    text: own({ grams: [{ text: "so", kind: "other", clutser: 1 }] }),
    error: [
      "TypeError",
      'Cannot read lexicon as field "grams[0].clutser" is not known: known fields are text, kind, ' +
      "confidence, cluster, documentFrequency, occurrences, statistics, example, controlOf, did you " +
      'mean "cluster"?',
    ],
  },
  {
    name: "a gram that is null",
    text: own({ grams: [null] }),
    error: [
      "TypeError",
      "Cannot read lexicon as grams[0] must be of type object: current value is null",
    ],
  },
  {
    name: "a count below zero",
    text: own({ grams: [{ text: "so", kind: "other", occurrences: -1 }] }),
    error: [
      "RangeError",
      "Cannot read lexicon as grams[0].occurrences must be at least 0: current value is -1",
    ],
  },
  {
    name: "a confidence above one",
    text: own({ grams: [{ text: "so", kind: "other", confidence: 1.5 }] }),
    error: [
      "RangeError",
      "Cannot read lexicon as grams[0].confidence must be at most 1: current value is 1.5",
    ],
  },
  {
    name: "a confidence that is no number",
    text: own({ grams: [{ text: "so", kind: "other", confidence: "0.5" }] }),
    error: [
      "TypeError",
      'Cannot read lexicon as grams[0].confidence must be of type number: current value is "0.5"',
    ],
  },
  {
    name: "statistics that are no object",
    text: own({ grams: [{ text: "so", kind: "other", statistics: [1] }] }),
    error: [
      "TypeError",
      "Cannot read lexicon as grams[0].statistics must be of type object: current value is [1]",
    ],
  },
  {
    name: "a statistic that is no finite number",
    text: own({ grams: [{ text: "so", kind: "other", statistics: { a: 1, b: null } }] }),
    error: [
      "TypeError",
      "Cannot read lexicon as grams[0].statistics.b must be of type number: current value is null",
    ],
  },
  {
    name: "an example that is no string",
    text: own({ grams: [{ text: "so", kind: "other", example: 5 }] }),
    error: [
      "TypeError",
      "Cannot read lexicon as grams[0].example must be of type string: current value is 5",
    ],
  },
  {
    name: "provenance without source",
    text: own({ provenance: {} }),
    error: [
      "TypeError",
      "Cannot read lexicon as provenance.source must be of type string: current value is undefined",
    ],
  },
  {
    name: "a parameter that is an object",
    text: own({ provenance: { source: "t", parameters: { a: {} } } }),
    error: [
      "TypeError",
      "Cannot read lexicon as provenance.parameters.a must be a string, a number, a boolean or null: " +
      "current value is {}",
    ],
  },
  {
    name: "a parameter that may have lost digits",
    text: own({ provenance: { source: "t", parameters: { seed: 0 } } })
      .replace('"seed":0', '"seed":9007199254740993'),
    error: [
      "RangeError",
      "Cannot read lexicon as provenance.parameters.seed must be at most 9007199254740991: " +
      "current value is 9007199254740992",
    ],
  },
  {
    name: "a note that is no string",
    text: own({ provenance: { source: "t", notes: [1] } }),
    error: [
      "TypeError",
      "Cannot read lexicon as provenance.notes[0] must be of type string: current value is 1",
    ],
  },
];

for (const { name, text, error: [errorName, message] } of REFUSED) {
  Deno.test(`parseLexicon() refuses ${name}`, () => {
    assert.throws(() => parse(text), { name: errorName, message });
  });
}

Deno.test("loadLexicon() gives the 249 phrases of the paper's Listing 1", async () => {
  const lexicon = await loadLexicon("paper");
  const texts = textsOf(lexicon);
  assert.equal(texts.length, 249);
  // Of the entries of the published list, in order, joined by line feeds (Python's hashlib).
  assert.equal(
    createHash("sha256").update(texts.join("\n")).digest("hex"),
    "ac552c0c31eb5bd943bde3b11231d7cabe909bed8bf6d67d40319c7e1a7ccd37",
  );
  assert.deepEqual(duplicateGrams(lexicon), []);
  const numOfKind = GRAM_KINDS.map((kind) =>
    lexicon.grams.filter((gram) => gram.kind === kind).length
  );
  assert.deepEqual(numOfKind, [55, 28, 59, 107]);
});

Deno.test("loadLexicon() reads the shipped file as serializeLexicon() writes it", async () => {
  const file = new URL("../../sg/lexicons/paper.json", import.meta.url);
  assert.equal(await readFile(file, "utf8"), serializeLexicon(await loadLexicon("paper")));
});

Deno.test("loadLexicon() gives the 179 phrases of 3 to 5 words", async () => {
  const all = await loadLexicon("paper");
  const subset = await loadLexicon("paper-3to5");
  assert.equal(subset.name, "paper-3to5");
  assert.equal(subset.grams.length, 179); // as counted in the published list
  const numWords = (text: string): number => text.split(/\s+/).length;
  assert.deepEqual(
    subset.grams,
    all.grams.filter(({ text }) => numWords(text) >= 3 && numWords(text) <= 5),
  );
  assert.deepEqual(lexiconFromJson(JSON.parse(serializeLexicon(subset))), subset);
});

Deno.test("loadLexicon() knows the built-in names it lists", async () => {
  for (const name of BUILT_IN_LEXICONS) assert.equal((await loadLexicon(name)).name, name);
});

Deno.test("loadLexicon() reads a path, a URL and gzip, and names a bare list after its file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hicra-"));
  try {
    const path = join(folder, "mine.txt");
    await writeFile(path, "but wait\n");
    await writeFile(`${path}.gz`, gzipSync("but wait\n"));
    const expected = lexiconFromGrams(["but wait"], { name: "mine" });
    for (const source of [path, pathToFileURL(path), `${path}.gz`]) {
      assert.deepEqual(await loadLexicon(source), expected, String(source));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

Deno.test("loadLexicon() names the file in every error of its content", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hicra-lexicon-"));
  try {
    const path = join(folder, "mine.json");
    for (const { name, text, error: [kind, message] } of REFUSED) {
      await writeFile(path, text);
      await assert.rejects(loadLexicon(path), (error: Error) => {
        assert.equal(error.name, kind, name);
        const prefix = `Cannot load lexicon "${path}": `;
        assert.ok(error.message.startsWith(prefix), error.message);
        // Here the lexicon is called after its file.
        const rest = error.message.slice(prefix.length).replace('lexicon "mine"', 'lexicon "t"');
        if (typeof message === "string") assert.equal(rest, message);
        else assert.match(rest, message);
        return true;
      });
    }
    await writeFile(`${path}.gz`, "no gzip");
    await assert.rejects(
      loadLexicon(`${path}.gz`),
      /^SyntaxError: Cannot read ".*mine.json.gz" as its gzip data must be whole: /,
    );
    await assert.rejects(loadLexicon(folder), (error: Error) => error.message.includes(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
});

Deno.test("loadLexicon() says which names there are when there is no such file", async () => {
  await assert.rejects(loadLexicon("papr"), {
    name: "RangeError",
    message:
      "Cannot load lexicon as it must be a built-in name (math, paper, paper-3to5) or a file: " +
      'current value is "papr", did you mean "paper"?',
  });
});

Deno.test("a lexicon larger than any matcher is refused before its grams are read", () => {
  const grams = new Array(2 ** 14).fill("x".repeat(256));
  assert.equal(lexiconFromGrams(grams, { name: "full" }).grams.length, 2 ** 14);
  const message =
    'Cannot use lexicon "more" as its grams may hold 4194304 characters together: they hold ' +
    "4194305, split it";
  assert.throws(() => lexiconFromGrams([...grams, "y"], { name: "more" }), { message });
  const lexicon = { ...lexiconFromGrams(["y"], { name: "more" }) };
  const tokens = tokenBytes({
    model: { type: "BPE", vocab: { "a": 0 }, merges: [] },
    decoder: { type: "ByteLevel" },
    "added_tokens": [],
  });
  const huge = [{ text: "y".repeat(2 ** 22 + 1), kind: "other" as const }];
  assert.throws(() => SgMatcher.compile({ ...lexicon, grams: huge }, tokens), { message });
});
