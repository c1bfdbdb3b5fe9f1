import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { readSolutions, type ReadSolutionsOptions } from "../../files/read_solutions.ts";
import { solutionsKey } from "../../files/solutions_key.ts";
import { claimWorkFolder } from "../../mining/mod.ts";
import type { Solution } from "../../files/mod.ts";

const CORPUS = fileURLToPath(new URL("../testdata/corpus/", import.meta.url));
const ROLLOUTS = fileURLToPath(new URL("../testdata/rollouts/", import.meta.url));

type Files = Readonly<Record<string, string | Uint8Array>>;

async function inFolder(files: Files, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function readFolder(files: Files, options?: ReadSolutionsOptions): Promise<Solution[]> {
  let solutions: Solution[] = [];
  await inFolder(files, async (folder) => {
    solutions = await Array.fromAsync(readSolutions(folder, options));
  });
  return solutions;
}

const readLine = (record: unknown, options?: ReadSolutionsOptions): Promise<Solution[]> =>
  readFolder({ "a.jsonl": JSON.stringify(record) }, options);

Deno.test("readSolutions() finds text, prompt and label by their usual names", async () => {
  const cases: [record: unknown, solutions: Solution[]][] = [
    [{ "prompt_id": "p", completion: "t", reward: 1 }, [
      { text: "t", promptId: "p", succeeded: true },
    ]],
    [{ "group_id": "g", problem: "long", response: "t", correct: null }, [
      { text: "t", promptId: "g" },
    ]],
    [{ id: 3, text: "t" }, [{ text: "t", promptId: "3" }]],
    [{ problem: "1 + 1?", solution: "2", score: 0.5 }, [
      { text: "2", promptId: "1 + 1?", succeeded: false },
    ]],
    [{ id: 0, prompt: [{ role: "user" }], output: "t", "is_correct": true }, [
      { text: "t", promptId: "0", succeeded: true },
    ]],
    // A label that is no truth value is not one; the next name is tried.
    [{ id: 0, text: "t", label: "good", reward: 2 }, [
      { text: "t", promptId: "0", succeeded: true },
    ]],
    // The label of the group is not that of a sample.
    [{ "group_id": "g", score: 1, samples: [{ response: "a", score: 0 }, { response: "b" }] }, [
      { text: "a", promptId: "g" },
      { text: "b", promptId: "g" },
    ]],
    [{ "group_id": "g", samples: [{ text: "a", score: 0 }, { text: "b", score: 1 }] }, [
      { text: "a", promptId: "g", succeeded: false },
      { text: "b", promptId: "g", succeeded: true },
    ]],
  ];
  for (const [record, solutions] of cases) assert.deepEqual(await readLine(record), solutions);
});

Deno.test("readSolutions() takes what the assistant says in a chat, and a chat as prompt", async () => {
  const question = [{ role: "system", content: "s" }, { role: "user", content: "1 + 1?" }];
  const answer = { role: "assistant", content: "Wait." };
  const cases: [record: unknown, solutions: Solution[]][] = [
    // Of trainers: the prompt and the completion are chats.
    [{ prompt: question, completion: [answer], reward: 1 }, [
      { text: "Wait.", promptId: JSON.stringify(question), succeeded: true },
    ]],
    // Of harnesses: one chat, with a tool between two turns.
    [
      {
        "task_id": "HumanEval/0",
        messages: [
          ...question,
          answer,
          { role: "tool", content: "2" },
          { role: "assistant", content: [{ type: "text", text: "So 2." }] },
        ],
        passed: false,
      },
      [{ text: "Wait.\n\nSo 2.", promptId: "HumanEval/0", succeeded: false }],
    ],
    [{ id: 7, conversations: [{ from: "human", value: "?" }, { from: "gpt", value: "Hmm." }] }, [
      { text: "Hmm.", promptId: "7" },
    ]],
    // Several chats of one prompt, with a label each.
    [{ task: "t", generations: [[answer], [{ role: "assistant", content: "2" }]], score: [1, 0] }, [
      { text: "Wait.", promptId: "t", succeeded: true },
      { text: "2", promptId: "t", succeeded: false },
    ]],
  ];
  for (const [record, solutions] of cases) assert.deepEqual(await readLine(record), solutions);
  await assert.rejects(readLine({ id: 1, messages: question }), {
    name: "TypeError",
    message: /as a solution must have a text in a known field: current fields are id, messages/,
  });
});

Deno.test("readSolutions() reads the fields that are named", async () => {
  const record = {
    meta: { uid: "u" },
    generations: ["a", "b"],
    verified: [false, true],
    turns: [{ tries: [{ t: "c", r: 0.4 }, { t: "d", r: 0.6 }] }, { tries: [] }],
  };
  const promptField = "meta.uid";
  assert.deepEqual(
    await readLine(record, { promptField, textField: "generations", labelField: "verified" }),
    [{ text: "a", promptId: "u", succeeded: false }, {
      text: "b",
      promptId: "u",
      succeeded: true,
    }],
  );
  assert.deepEqual(
    await readLine(record, {
      promptField,
      textField: "turns.tries.t",
      labelField: "turns.tries.r",
      minReward: 0.5,
    }),
    [{ text: "c", promptId: "u", succeeded: false }, {
      text: "d",
      promptId: "u",
      succeeded: true,
    }],
  );
});

Deno.test("readSolutions() reads folders by name, gzip by content, and no README beside records", async () => {
  const line = (text: string): string => JSON.stringify({ id: text, text }) + "\n";
  const solutions = await readFolder({
    "b.jsonl": gzipSync(line("3")),
    "a/z.jsonl.gz": gzipSync(line("1")),
    "b-a.jsonl": line("2") + "\n \n",
    "c.jsonl": "",
    "README.md": "no solution",
    "d.json": "[]",
  });
  assert.deepEqual(solutions.map(({ text }) => text), ["1", "2", "3"]);
});

Deno.test("readSolutions() passes over what a miner keeps in the same folder", async () => {
  const line = '{"id":1,"text":"t"}\n';
  await inFolder({ "a.jsonl": line }, async (folder) => {
    await claimWorkFolder(join(folder, "lexicon.json.work"));
    await mkdir(join(folder, "lexicon.json.work", "corpus"));
    await writeFile(join(folder, "lexicon.json.work", "corpus", "shard-00000.jsonl"), "[]\n");
    const solutions = await Array.fromAsync(readSolutions(folder));
    assert.deepEqual(solutions, [{ text: "t", promptId: "1" }]);
  });
});

Deno.test("readSolutions() takes a float32 label as much as a float64 threshold of the same digits", async () => {
  const columnData: ColumnSource[] = [
    { name: "id", data: [1, 2, 3], type: "INT32" },
    { name: "text", data: ["a", "b", "c"], type: "STRING" },
    { name: "score", data: [0.6, 0.7, 0.8], type: "FLOAT" },
  ];
  const parquet = new Uint8Array(parquetWriteBuffer({ columnData }));
  const lines = ["a", "b", "c"].map((text, i) =>
    JSON.stringify({ id: i + 1, text, score: [0.6, 0.7, 0.8][i] }) + "\n"
  );
  const labels = async (files: Files): Promise<unknown[]> =>
    (await readFolder(files, { minReward: 0.7 })).map(({ succeeded }) => succeeded);
  assert.deepEqual(await labels({ "a.parquet": parquet }), [false, true, true]);
  assert.deepEqual(await labels({ "a.jsonl": lines.join("") }), [false, true, true]);
});

Deno.test("readSolutions() takes each text file of a folder without records as a solution", async () => {
  const files = { "b.md": "two", "a/x.txt": "one", "c.json": "{}" };
  assert.deepEqual(await readFolder(files), [
    { text: "one", promptId: "a/x.txt" },
    { text: "two", promptId: "b.md" },
  ]);
  await inFolder(files, async (folder) => {
    assert.deepEqual(await Array.fromAsync(readSolutions([join(folder, "b.md"), folder])), [
      { text: "two", promptId: "b.md" },
      { text: "one", promptId: "a/x.txt" },
      { text: "two", promptId: "b.md" },
    ]);
  });
});

Deno.test("readSolutions() reads Parquet", async () => {
  const read = (name: string, options?: ReadSolutionsOptions): Promise<Solution[]> =>
    Array.fromAsync(readSolutions(CORPUS + name, options));
  assert.deepEqual(await read("groups.parquet"), [
    { text: "Wait, é.", promptId: "a", succeeded: true },
    { text: "So 5.", promptId: "a", succeeded: false },
    { text: "Hmm.", promptId: "c" },
  ]);
  assert.deepEqual(await read("flat.parquet"), [
    { text: "one", promptId: "1", succeeded: true },
    { text: "two", promptId: "1", succeeded: false },
    { text: "three", promptId: "2", succeeded: true },
  ]);
  assert.deepEqual(
    await read("lists.parquet", { textField: "generations", labelField: "verified" }),
    [
      { text: "one", promptId: "p", succeeded: true },
      { text: "two", promptId: "p", succeeded: false },
      { text: "three", promptId: "q", succeeded: true },
    ],
  );
});

Deno.test("readSolutions() tells prompt ids of any length apart, in JSON Lines as in Parquet", async () => {
  const id = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constant(0n));
  const near = fc.tuple(id, fc.bigInt({ min: 0n, max: 12n }))
    .map(([start, length]) => Array.from({ length: Number(length) }, (_, i) => start - BigInt(i)))
    .map((ids) => ids.map((id) => BigInt.asIntN(64, id)));
  const property = fc.asyncProperty(near, async (ids) => {
    const lines = ids.map((id) => `{"prompt_id":${id},"text":"t","reward":1.0}\n`).join("");
    const columns = parquetWriteBuffer({
      columnData: [
        { name: "prompt_id", data: ids, type: "INT64" },
        { name: "text", data: ids.map(() => "t"), type: "STRING" },
        { name: "reward", data: ids.map(() => 1), type: "DOUBLE" },
      ],
    });
    const expected = ids.map((id) => ({ text: "t", promptId: String(id), succeeded: true }));
    assert.deepEqual(await readFolder({ "a.jsonl": lines }), expected);
    assert.deepEqual(await readFolder({ "a.parquet": new Uint8Array(columns) }), expected);
  });
  const sixty = Array.from({ length: 12 }, (_, i) => 2n ** 60n + BigInt(i));
  await fc.assert(property, { examples: [[sixty]] });
});

Deno.test("readSolutions() reads a number as prompt id by its value, a string by its text", async () => {
  for (
    const [source, promptId] of [
      ["7", "7"],
      ['"7"', "7"],
      ["7.0", "7"],
      ["7e0", "7"],
      ["-0", "0"],
      ["0.1", "0.1"],
      ["1E15", "1000000000000000"],
      ["9007199254740991.0", "9007199254740991"],
      ["9007199254740993", "9007199254740993"],
      ['"9007199254740993"', "9007199254740993"],
      ["-18446744073709551616", "-18446744073709551616"],
    ] as const
  ) {
    const line = `{"meta":[{"n":12345678901234567890}],"prompt_id":${source},"text":"t"}`;
    assert.deepEqual(await readFolder({ "a.jsonl": line }), [{ text: "t", promptId }], source);
  }
});

Deno.test("readSolutions() throws when a prompt id is a float64 that several ids round to", async () => {
  const rejects = (reading: Promise<Solution[]>, value: string): Promise<void> =>
    assert.rejects(reading, {
      name: "RangeError",
      message: new RegExp(
        `must have all its digits: current value is ${value}, a float64 that several ids round to, ` +
          "write it as an integer or a string$",
      ),
    });
  for (const source of ["9007199254740993.0", "1e300"]) {
    const line = `{"prompt_id":${source},"text":"t"}`;
    await rejects(readFolder({ "a.jsonl": line }), ".*");
  }
  const read = (promptField: string): Promise<Solution[]> =>
    Array.fromAsync(readSolutions(CORPUS + "ids.parquet", { promptField }));
  await rejects(read("decimal"), "1152921504606847000");
  await rejects(read("double"), "1152921504606847000");
  const ids = (await read("meta.id")).map(({ promptId }) => promptId);
  assert.deepEqual(ids, ["1152921504606846976", "1152921504606846977", "1152921504606846978"]);
});

for (const codec of ["gzip", "brotli", "lz4", "zstd"]) {
  Deno.test(`readSolutions() reads Parquet that is packed by ${codec}`, async () => {
    const [packed, flat] = await Promise.all(
      [codec, "flat"].map((name) => Array.fromAsync(readSolutions(`${CORPUS}${name}.parquet`))),
    );
    assert.equal(flat!.length, 3);
    assert.deepEqual(packed, flat);
  });
}

Deno.test("readSolutions() throws when a Parquet file cannot be read", async () => {
  await assert.rejects(Array.fromAsync(readSolutions(CORPUS + "latin1.parquet")), {
    name: "SyntaxError",
    message: /latin1\.parquet as it must be a whole Parquet file with text in UTF-8: /,
  });
  const whole = await Deno.readFile(CORPUS + "flat.parquet");
  for (const length of [4, 9, whole.length - 1]) {
    await assert.rejects(readFolder({ "a.parquet": whole.subarray(0, length) }), {
      name: "SyntaxError",
      message: /a\.parquet as it must be a whole Parquet file/,
    });
  }
});

Deno.test("readSolutions() reads the shipped rollouts without options", async () => {
  let read = 0;
  const prompts = new Set<string>();
  for await (const { promptId, succeeded } of readSolutions(ROLLOUTS)) {
    assert.equal(typeof succeeded, "boolean");
    prompts.add(promptId);
    read++;
  }
  // As its README says; the RLVR prompts are in two files, one per step.
  assert.deepEqual([read, prompts.size], [4578, 70 + 36 + 200 + 10 + 100 + 50]);
});

Deno.test("readSolutions() yields what was written, whatever the text", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ text: fc.string({ unit: "binary" }), succeeded: fc.boolean() })),
      async (samples) => {
        const records = samples.map((sample, id) => JSON.stringify({ id, ...sample }));
        const expected = samples.map((sample, id) => ({ ...sample, promptId: String(id) }));
        assert.deepEqual(await readFolder({ "a.jsonl": records.join("\n") }), expected);
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("readSolutions() throws at the first corrupt record by default", async () => {
  const good = '{"id": 1, "text": "t", "score": 1}\n';
  const cases: [line: string, name: string, message: RegExp][] = [
    ['{"id": 2, "te', "SyntaxError", /a\.jsonl line 2 as it must be one JSON object: ./],
    ["[1]", "TypeError", /a\.jsonl line 2 as it must be one JSON object: current value is \[1\]$/],
    [
      '{"id": 2}',
      "TypeError",
      /line 2 as text must be a string, or a chat .* assistant: current value is undefined$/,
    ],
    [
      '{"id": 2, "text": {"n": 9007199254740993}}',
      "TypeError",
      /line 2 as text must be a string, or a chat .* assistant: current value is \{"n":"9007199254740993"\}$/,
    ],
    [
      '{"text": "t"}',
      "TypeError",
      /line 2 as id must be a string, a number or a chat: current value is u/,
    ],
    [
      '{"id": 2, "text": "t", "score": "high"}',
      "TypeError",
      /line 2 as score must be true, false, a number or null: current value is high$/,
    ],
  ];
  for (const [line, name, message] of cases) {
    await assert.rejects(readFolder({ "a.jsonl": good + line }), { name, message });
  }
});

Deno.test("readSolutions() passes over maxCorrupt records, reports them, and stops at one more", async () => {
  const lines = ["x", '{"id": 1, "text": "t"}', '{"id": 2}', '{"id": 3, "text": "u"}'];
  const places: string[] = [];
  const options = {
    maxCorrupt: 2,
    onCorrupt: (_: Error, place: string) => places.push(place.replace(/^.*[\\/]/, "")),
  };
  const solutions = await readFolder({ "a.jsonl": lines.join("\n") }, options);
  assert.deepEqual(solutions.map(({ text }) => text), ["t", "u"]);
  assert.deepEqual(places, ["a.jsonl line 1", "a.jsonl line 3"]);
  await assert.rejects(
    readFolder({ "a.jsonl": lines.join("\n"), "b.jsonl": "y" }, options),
    {
      name: "RangeError",
      message: /as at most 2 records may be corrupt \(maxCorrupt\): the next .*b\.jsonl line 1 as/,
    },
  );
});

Deno.test("readSolutions() throws when a file is damaged, whatever maxCorrupt", async () => {
  const text = '{"id": 1, "text": "é"}\n';
  const maxCorrupt = 9;
  await assert.rejects(
    readFolder({ "a.jsonl.gz": gzipSync(text).subarray(0, -9) }, { maxCorrupt }),
    { name: "SyntaxError", message: /a\.jsonl\.gz as its gzip data must be whole/ },
  );
  const latin1 = Uint8Array.from(text, (character) => character.charCodeAt(0));
  for (const name of ["a.jsonl", "a.txt"]) {
    await assert.rejects(readFolder({ [name]: latin1 }, { maxCorrupt }), {
      name: "SyntaxError",
      message: new RegExp(`${name} as it must be UTF-8 text: found other bytes$`),
    });
  }
});

Deno.test("readSolutions() throws when a text is too long to work on, whatever the format", async () => {
  const long = 2 ** 25 + 1;
  const rejects = (files: Files, message: RegExp): Promise<void> =>
    assert.rejects(readFolder(files, { maxCorrupt: 9 }), { name: "RangeError", message });
  await rejects(
    { "a.txt": new Uint8Array(long) },
    /a\.txt as a text must be at most 33554432 bytes long: it has 33554433, make each solution a/,
  );
  const text = "t".repeat(long);
  const columnData: ColumnSource[] = [
    { name: "id", data: ["p"], type: "STRING" },
    { name: "text", data: [text], type: "STRING" },
  ];
  await rejects(
    { "a.parquet": new Uint8Array(parquetWriteBuffer({ columnData })) },
    /a\.parquet as a text must be at most 33554432 bytes long: one has 33554433, leave it out$/,
  );
  await rejects(
    { "a.jsonl": `\n{"id":1,"text":"${text}"}` },
    /a\.jsonl line 2 as a line must be at most 33554432 characters long: it has \d+ so far, write/,
  );
});

Deno.test("readSolutions() takes no memory for a page that says it unpacks to gigabytes", async () => {
  const file = new Uint8Array(parquetWriteBuffer({
    codec: "SNAPPY",
    columnData: [
      { name: "prompt_id", data: ["p"], type: "STRING" },
      { name: "reward", data: [1], type: "DOUBLE" },
      { name: "text", data: ["wait ".repeat(99)], type: "STRING" },
    ],
  }));
  // The header of the last page: its type (field 1, 0 or 3) and its size in two bytes (field 2).
  const header = file.findLastIndex((byte, i) =>
    byte === 0x15 && [0, 6].includes(file[i + 1]!) && file[i + 2] === 0x15 && file[i + 3]! > 0x7f
  );
  const size = [0xfe, 0xff, 0xff, 0xff, 0x0f]; // 2^31 - 1
  file[header + 6]! -= 2 * 3; // its packed size (field 3), as the header grows by three
  const lying = Uint8Array.of(
    ...file.subarray(0, header + 3),
    ...size,
    ...file.subarray(header + 5),
  );
  await assert.rejects(readFolder({ "a.parquet": lying }), {
    name: "RangeError",
    message:
      /a\.parquet as a page must unpack to at most 268435456 bytes: one says 214748\d+, write the/,
  });
});

Deno.test("readSolutions() throws when the first record has no known field", async () => {
  await assert.rejects(readLine({ id: 1, body: "t" }), {
    name: "TypeError",
    message:
      /line 1 as a solution must have a text .*: current fields are id, body, name one in textField$/,
  });
  await assert.rejects(readLine({ text: "t", key: 1 }), {
    name: "TypeError",
    message: /must have a prompt id .*: current fields are text, key, name one in promptField$/,
  });
});

Deno.test("readSolutions() throws when texts and labels do not pair", async () => {
  await assert.rejects(
    readLine({ id: 1, a: ["x", "y"], b: [1] }, { textField: "a", labelField: "b" }),
    {
      name: "TypeError",
      message:
        /line 1 as b must hold one value for each text: current value is 1 in an array, for 2 texts$/,
    },
  );
  await assert.rejects(readLine({ id: 1, a: "x", b: [1] }, { textField: "a", labelField: "b" }), {
    message:
      /must hold one value for each text: current value is 1 in an array, for a text in none$/,
  });
});

Deno.test("readSolutions() throws when there is nothing to read", async () => {
  await assert.rejects(readFolder({ "a.json": "{}" }), {
    name: "RangeError",
    message:
      /must hold \.jsonl, \.jsonl\.gz, \.parquet, \.txt or \.md files: the number of its other files is 1$/,
  });
  await assert.rejects(Array.fromAsync(readSolutions([])), {
    name: "RangeError",
    message: "Cannot read solutions as paths must name a file or a folder: it is empty",
  });
  await assert.rejects(Array.fromAsync(readSolutions("/no/such")), { code: "ENOENT" });
});

Deno.test("readSolutions() throws when an option is out of range", async () => {
  const cases: [ReadSolutionsOptions, string][] = [
    [
      { textField: "a..b" },
      'textField must be names with dots between them: current value is "a..b"',
    ],
    [{ minReward: NaN }, "minReward must be a finite number: current value is NaN"],
    [{ maxCorrupt: -1 }, "maxCorrupt must be a whole number from 0: current value is -1"],
  ];
  for (const [options, message] of cases) {
    await assert.rejects(readLine({}, options), {
      name: "RangeError",
      message: `Cannot read solutions as ${message}`,
    });
  }
});

Deno.test("readSolutions() says by which fields it reads each file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hicra-"));
  try {
    const line = JSON.stringify({ question: "2 + 2", generations: ["4", "5"], score: 1 });
    await writeFile(join(folder, "a.jsonl"), line);
    await writeFile(
      join(folder, "b.jsonl"),
      JSON.stringify({ id: 1, text: "4", correct: true, samples: [] }),
    );
    const told: unknown[] = [];
    const onFields = (fields: object, path: string) => told.push([path.slice(-7), fields]);
    await Array.fromAsync(
      readSolutions([join(folder, "b.jsonl"), join(folder, "a.jsonl")], { onFields }),
    );
    assert.deepEqual(told, [
      ["b.jsonl", { text: "text", prompt: "id", label: "correct" }],
      ["a.jsonl", { text: "generations", prompt: "question", label: "score" }],
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

const hasPipes = Deno.build.os !== "windows" && spawnSync("mkfifo", ["--version"]).status === 0;

Deno.test({
  name: "readSolutions() reads a pipe once, and solutionsKey() does not name it",
  ignore: !hasPipes,
  fn: () =>
    inFolder({}, async (folder) => {
      const pipe = join(folder, "pipe");
      spawnSync("mkfifo", [pipe]);
      assert.equal(await solutionsKey(pipe), undefined);
      const line = '{"prompt_id": "p", "completion": "Wait.", "reward": 1}\n';
      const [solutions] = await Promise.all([
        Array.fromAsync(readSolutions(pipe)),
        writeFile(pipe, line),
      ]);
      assert.deepEqual(solutions.map(({ text, promptId }) => [text, promptId]), [["Wait.", "p"]]);
    }),
});
