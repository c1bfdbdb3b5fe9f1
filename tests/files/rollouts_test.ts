import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { Flag } from "../../batch/mod.ts";
import { readRollouts, writeJsonl, writeOutput } from "../../files/rollout_files.ts";
import { parseRollout, type Rollout, rolloutsToBatch } from "../../files/rollouts.ts";

const SHIPPED = fileURLToPath(new URL("../testdata/rollouts/", import.meta.url));

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function readAll(path: string): Promise<Rollout[]> {
  return await Array.fromAsync(readRollouts(path));
}

async function readBytes(bytes: string | Uint8Array, name = "rollouts.jsonl"): Promise<Rollout[]> {
  let rollouts: Rollout[] = [];
  await inFolder(async (folder) => {
    const path = join(folder, name);
    await writeBytes(path, bytes);
    rollouts = await readAll(path);
  });
  return rollouts;
}

async function writeBytes(path: string, bytes: string | Uint8Array): Promise<void> {
  await Deno.writeFile(path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
}

Deno.test("parseRollout() keeps every field, known or not", () => {
  const rollout = {
    "prompt_id": "p",
    completion: "ab",
    "token_ids": [5, 6],
    reward: -0.5,
    advantage: 1,
    advantages: [1, 0.25],
    "loss_mask": [1, 0],
    "segment_ids": [0, -1],
    logprobs: [-1, 0],
    entropies: [0.5, 0],
    truncated: false,
    note: { nested: [null, "x"] },
  };
  assert.deepEqual(parseRollout(JSON.stringify(rollout)), rollout);
});

Deno.test("parseRollout() drops a known field that is null and keeps an unknown one", () => {
  const line = '{"prompt_id": "p", "completion": "", "reward": null, "answer": null}';
  assert.deepEqual(parseRollout(line), { "prompt_id": "p", completion: "", answer: null });
});

Deno.test("parseRollout() takes a rollout of no tokens", () => {
  assert.deepEqual(
    parseRollout('{"prompt_id": "", "token_ids": [], "loss_mask": []}').token_ids,
    [],
  );
});

Deno.test("parseRollout() throws when the line is not JSON", () => {
  const cases: [string, RegExp][] = [
    [
      '{"prompt_id": "p", "completion": "Wait, le',
      /^Cannot read a.jsonl line 7 as it must be one JSON object: .*; the line seems to be cut off$/,
    ],
    ['{"prompt_id": "p", "token_ids": [1, 2', /; the line seems to be cut off$/],
    [
      '{"prompt_id": "p", "completion": "x", "reward": NaN}',
      /; JSON has no NaN and no Infinity: write null in logprobs and entropies, else drop the rollout$/,
    ],
    [
      '{"prompt_id": "p", "completion": "x", "logprobs": [-1, -Infinity]}',
      /; JSON has no NaN and no Infinity: write null in logprobs and entropies, else drop the rollout$/,
    ],
    ["{'prompt_id': 'p'}", /^Cannot read a.jsonl line 7 as it must be one JSON object: .*[^f]$/],
  ];
  for (const [line, message] of cases) {
    assert.throws(() => parseRollout(line, "a.jsonl line 7"), { name: "SyntaxError", message });
  }
});

Deno.test("parseRollout() takes any token id where loss_mask is 0", () => {
  const ids = [-100, 5, -(2 ** 31), 2 ** 31 - 1];
  const rollout = { "prompt_id": "p", "token_ids": ids, "loss_mask": [0, 1, 0, 0] };
  assert.deepEqual(parseRollout(JSON.stringify(rollout)), rollout);
  assert.deepEqual(rolloutsToBatch([rollout]).batch.tokenIds, Int32Array.from(ids));
});

Deno.test("parseRollout() throws when a field is missing or breaks its rule", () => {
  const cases: [unknown, string][] = [
    [[1], "it must be one JSON object: current value is [1]"],
    [null, "it must be one JSON object: current value is null"],
    [{ completion: "x" }, "a rollout must have prompt_id: current fields are completion"],
    [
      { "prompt_id": "p", reward: 1 },
      "a rollout must have token_ids or completion: current fields are prompt_id, reward",
    ],
    [{ "prompt_id": 3 }, "prompt_id must be a string: current value is 3"],
    [{ completion: ["x"] }, 'completion must be a string: current value is ["x"]'],
    [{ reward: "1" }, 'reward must be a finite number: current value is "1"'],
    [{ advantage: true }, "advantage must be a finite number: current value is true"],
    [{ truncated: 1 }, "truncated must be true or false: current value is 1"],
    [
      { "token_ids": "5 6" },
      'token_ids must be an array of 32-bit integers: current value is "5 6"',
    ],
    [
      { "prompt_id": "p", "token_ids": [-100, -1, 5], "loss_mask": [0, 1, 1] },
      "token_ids must be 0 or more where loss_mask is 1: the value at index 1 is -1",
    ],
    [
      { "token_ids": [5.5] },
      "token_ids must hold only 32-bit integers: the value at index 0 is 5.5",
    ],
    [
      { "token_ids": [2 ** 31] },
      "token_ids must hold only 32-bit integers: the value at index 0 is 2147483648",
    ],
    [{ "loss_mask": [1, 2] }, "loss_mask must hold only 0 and 1: the value at index 1 is 2"],
    [{ "loss_mask": [true] }, "loss_mask must hold only 0 and 1: the value at index 0 is true"],
    [
      { "segment_ids": [2 ** 31] },
      "segment_ids must hold only 32-bit integers: the value at index 0 is 2147483648",
    ],
    [
      { advantages: [1, null] },
      "advantages must hold only finite numbers: the value at index 1 is null",
    ],
    [
      { logprobs: [null, "-1"] },
      'logprobs must hold only finite numbers and null: the value at index 1 is "-1"',
    ],
    [
      { entropies: [[]] },
      "entropies must hold only finite numbers and null: the value at index 0 is []",
    ],
    [
      { "prompt_id": "p", "token_ids": [1, 2], advantages: [1] },
      "advantages must hold one value per token: current length is 1, the number of tokens is 2",
    ],
    [
      { "prompt_id": "p", "token_ids": [], "loss_mask": [1] },
      "loss_mask must hold one value per token: current length is 1, the number of tokens is 0",
    ],
    [
      { completion: 0.1, note: "x".repeat(100) },
      "completion must be a string: current value is 0.1",
    ],
    [
      { "token_ids": "x".repeat(100) },
      "token_ids must be an array of 32-bit integers: " +
      `current value is "${"x".repeat(56)}...`,
    ],
  ];
  for (const [value, rule] of cases) {
    assert.throws(() => parseRollout(JSON.stringify(value), "a.jsonl line 7"), {
      name: "TypeError",
      message: `Cannot read a.jsonl line 7 as ${rule}`,
    });
  }
  assert.throws(() => parseRollout('{"prompt_id": "p", "completion": "", "reward": 1e999}'), {
    message: "Cannot read the line as reward must be a finite number: current value is Infinity",
  });
});

Deno.test("rolloutsToBatch() fills every field of the contract", () => {
  const { batch, promptIds } = rolloutsToBatch([
    {
      "prompt_id": "b",
      "token_ids": [5, 6],
      completion: "ignored",
      reward: 1,
      advantages: [0.5, 0.25],
      advantage: 9,
      "loss_mask": [1, 0],
      "segment_ids": [0, 1],
      logprobs: [-1, -2],
      entropies: [1, 2],
      truncated: true,
    },
    {
      "prompt_id": "a",
      "token_ids": [],
      reward: 0,
      advantage: 3,
      logprobs: [],
      entropies: [],
    },
    {
      "prompt_id": "b",
      completion: "A",
      reward: 0,
      advantage: -1,
      logprobs: [-3],
      entropies: [3],
      truncated: false,
    },
  ], { encode: (text) => Int32Array.from(text, (character) => character.charCodeAt(0)) });
  assert.deepEqual(promptIds, ["b", "a"]);
  assert.deepEqual(batch, {
    offsets: Int32Array.of(0, 2, 2, 3),
    tokenIds: Int32Array.of(5, 6, 65),
    lossMask: Uint8Array.of(1, 0, 1),
    groupIds: Int32Array.of(0, 1, 0),
    rewards: Float32Array.of(1, 0, 0),
    advantages: Float32Array.of(0.5, 0.25, -1),
    advantagesPer: "token",
    oldLogprobs: Float32Array.of(-1, -2, -3),
    entropies: Float32Array.of(1, 2, 3),
    segmentIds: Int32Array.of(0, 1, 0),
    flags: Uint8Array.of(Flag.truncated, 0, 0),
    numSequences: 3,
    numTokens: 3,
  });
});

Deno.test("rolloutsToBatch() packs null in logprobs and entropies as not measured", () => {
  const line = '{"prompt_id":"p","token_ids":[5,6],"logprobs":[null,-1],"entropies":[0.5,null]}';
  const rollout = parseRollout(line);
  assert.deepEqual(rollout, JSON.parse(line));
  const { batch } = rolloutsToBatch([rollout]);
  assert.deepEqual(batch.oldLogprobs, Float32Array.of(NaN, -1));
  assert.deepEqual(batch.entropies, Float32Array.of(0.5, NaN));
});

Deno.test("parseRollout() looks at the fields that it is told of, and at no other", () => {
  const line =
    '{"prompt_id":"p","token_ids":[5],"logprobs":["x"],"reward":null,"advantages":[1,2]}';
  const fields = ["prompt_id", "token_ids"];
  assert.deepEqual(parseRollout(line, "a.jsonl line 7", { fields }), JSON.parse(line));
  assert.throws(() => parseRollout('{"token_ids":[5]}', "it", { fields }), /must have prompt_id/);
});

Deno.test("rolloutsToBatch() leaves out what no rollout has", () => {
  const { batch } = rolloutsToBatch([{ "prompt_id": "p", "token_ids": [5] }]);
  assert.deepEqual(batch, {
    offsets: Int32Array.of(0, 1),
    tokenIds: Int32Array.of(5),
    lossMask: Uint8Array.of(1),
    groupIds: Int32Array.of(0),
    numSequences: 1,
    numTokens: 1,
  });
});

Deno.test("rolloutsToBatch() takes no rollouts", () => {
  const { batch, promptIds } = rolloutsToBatch([]);
  assert.equal(batch.numSequences, 0);
  assert.deepEqual(batch.offsets, Int32Array.of(0));
  assert.deepEqual(promptIds, []);
});

Deno.test("rolloutsToBatch() keeps one advantage per sequence where no rollout has more", () => {
  const { batch } = rolloutsToBatch([
    { "prompt_id": "p", "token_ids": [5, 6], advantage: 1 },
    { "prompt_id": "p", "token_ids": [], advantage: -1 },
  ]);
  assert.deepEqual(batch.advantages, Float32Array.of(1, -1));
  assert.equal(batch.advantagesPer, "sequence");
});

Deno.test("rolloutsToBatch() numbers groups in order of first appearance, whatever the names", () => {
  fc.assert(fc.property(fc.array(fc.string({ maxLength: 1 })), (names) => {
    const rollouts = names.map((name) => ({ "prompt_id": name, "token_ids": [1] }));
    const { batch, promptIds } = rolloutsToBatch(rollouts);
    assert.deepEqual(Array.from(batch.groupIds!, (group) => promptIds[group]), names);
    assert.deepEqual(promptIds, [...new Set(names)]);
  }));
});

Deno.test("rolloutsToBatch() throws when rollouts disagree", () => {
  const ids = { "prompt_id": "p", "token_ids": [1] };
  const cases: [Rollout[], string][] = [
    [
      [{ ...ids, reward: 1 }, { ...ids, "prompt_id": "q" }],
      "Cannot pack the rollouts as reward must be in all of them or in none: " +
      'rollout 0 (prompt_id "p") has it, rollout 1 (prompt_id "q") has not',
    ],
    [
      [ids, { ...ids, advantage: 1 }],
      "Cannot pack the rollouts as advantage must be in all of them or in none: " +
      'rollout 1 (prompt_id "p") has it, rollout 0 (prompt_id "p") has not',
    ],
    [
      [{ ...ids, advantages: [1] }, ids],
      "Cannot pack the rollouts as advantages or advantage must be in all of them or in none: " +
      'rollout 1 (prompt_id "p") has neither',
    ],
    [
      [ids, { ...ids, logprobs: [-1] }],
      "Cannot pack the rollouts as logprobs must be in all of them or in none: " +
      'rollout 1 (prompt_id "p") has it, rollout 0 (prompt_id "p") has not',
    ],
    [
      [{ ...ids, entropies: [1] }, ids],
      "Cannot pack the rollouts as entropies must be in all of them or in none: " +
      'rollout 0 (prompt_id "p") has it, rollout 1 (prompt_id "p") has not',
    ],
    [
      [{ "prompt_id": "p", completion: "x" }],
      'Cannot pack rollout 0 (prompt_id "p") as it has a completion and no token_ids: ' +
      "pass options.encode",
    ],
    [
      [{ "prompt_id": "p" }],
      'Cannot pack rollout 0 (prompt_id "p") as it must have token_ids or completion: has neither',
    ],
    [
      [{ ...ids, "loss_mask": [1, 1] }],
      'Cannot read rollout 0 (prompt_id "p") as loss_mask must hold one value per token: ' +
      "current length is 2, the number of tokens is 1",
    ],
  ];
  for (const [rollouts, message] of cases) {
    assert.throws(() => rolloutsToBatch(rollouts), { name: "TypeError", message });
  }
  const short = { "prompt_id": "p", completion: "abc", entropies: [1, 2] };
  assert.throws(() => rolloutsToBatch([short], { encode: () => [1, 2, 3] }), {
    message: 'Cannot read rollout 0 (prompt_id "p") as entropies must hold one value per token: ' +
      "current length is 2, the number of tokens is 3",
  });
});

Deno.test("readRollouts() reads plain and gzip text, told by its bytes", async () => {
  const text = '{"prompt_id":"p","completion":"é"}\r\n\n  \n{"prompt_id":"q","completion":"日"}';
  const expected = [
    { "prompt_id": "p", completion: "é" },
    { "prompt_id": "q", completion: "日" },
  ];
  const [line, ...rest] = text.split("\n");
  const parts = [gzipSync(line + "\n"), gzipSync(rest.join("\n"))];
  const concatenated = Uint8Array.from([...parts[0]!, ...parts[1]!]);
  assert.deepEqual(await readBytes(text), expected);
  assert.deepEqual(await readBytes("\ufeff" + text), expected, "byte order mark");
  assert.deepEqual(await readBytes(text + "\n", "named.gz"), expected);
  assert.deepEqual(await readBytes(gzipSync(text), "named.jsonl"), expected);
  assert.deepEqual(await readBytes(concatenated), expected, "as cat a.gz b.gz makes");
  assert.deepEqual(await readBytes(""), []);
  assert.deepEqual(await readBytes("\n"), []);
  assert.deepEqual(await readBytes(gzipSync("")), []);
});

Deno.test("readRollouts() joins what a read splits, also inside a character", async () => {
  const completion = "日本".repeat(40_000); // 240 kB in one line, a read gives 64 kB
  const lines = [1, 2, 3].map((n) => ({ "prompt_id": "x".repeat(n), completion }));
  const text = lines.map((line) => JSON.stringify(line) + "\n").join("");
  assert.deepEqual(await readBytes(text), lines);
  assert.deepEqual(await readBytes(gzipSync(text)), lines);
});

/** The files under the folder that this process holds open; null where the system does not tell. */
function openFiles(folder: string): string[] | null {
  try {
    return readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return []; // closed since it was listed
      }
    }).filter((path) => path.startsWith(folder));
  } catch {
    return null;
  }
}

Deno.test("readRollouts() closes the file when it is stopped early", async () => {
  const text = '{"prompt_id":"p","completion":""}\n'.repeat(20_000);
  for (const bytes of [text, gzipSync(text, { level: 0 })]) {
    await inFolder(async (folder) => {
      const path = join(folder, "rollouts");
      await writeBytes(path, bytes);
      for await (const rollout of readRollouts(path)) {
        assert.equal(rollout.prompt_id, "p");
        assert.equal(openFiles(folder)?.includes(path) ?? true, true);
        break;
      }
      assert.deepEqual(openFiles(folder) ?? [], []);
    });
  }
});

Deno.test("readRollouts() throws with the file and the line", async () => {
  const good = '{"prompt_id":"p","completion":"x"}\n';
  const cut = gzipSync(good.repeat(1000)).subarray(0, -12);
  const cases: [string | Uint8Array, string, RegExp][] = [
    [
      good + "\n" + '{"prompt_id":"p","compl',
      "SyntaxError",
      /rollouts.jsonl line 3 as .* cut off$/,
    ],
    [
      good + '{"prompt_id":"p"}',
      "TypeError",
      /rollouts.jsonl line 2 as .* token_ids or completion/,
    ],
    [Uint8Array.of(0x7b, 0xff, 0x7d), "SyntaxError", /rollouts.jsonl as it must be UTF-8 text/],
    [Uint8Array.of(0x7b, 0xe6), "SyntaxError", /rollouts.jsonl as it must be UTF-8 text/],
    [cut, "SyntaxError", /rollouts.jsonl as its gzip data must be whole: /],
  ];
  for (const [bytes, name, message] of cases) {
    await assert.rejects(readBytes(bytes), { name, message });
  }
  await assert.rejects(readAll(join(SHIPPED, "missing.jsonl")), { code: "ENOENT" });
});

Deno.test("readRollouts() and writeJsonl() take - for the standard streams", () => {
  const script = fileURLToPath(new URL("_copy_rollouts.ts", import.meta.url));
  const text = '{"prompt_id":"p","completion":"é"}\n'.repeat(5000);
  for (const input of [text, gzipSync(text)]) {
    const output = execFileSync(process.execPath, ["run", "--quiet", "-A", script], { input });
    assert.equal(output.toString("utf8"), text);
  }
});

Deno.test("writeJsonl() stops without an error when the reader of standard output has left", async () => {
  const script = fileURLToPath(new URL("_copy_rollouts.ts", import.meta.url));
  const child = spawn(process.execPath, ["run", "--quiet", "-A", script]);
  child.stdin.on("error", () => {}); // it may leave before it has read everything
  child.stdin.end('{"prompt_id":"p","completion":""}\n'.repeat(200_000));
  child.stdout.once("data", () => child.stdout.destroy());
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
});

Deno.test("writeJsonl() writes typed arrays as arrays, and .gz compressed", async () => {
  await inFolder(async (folder) => {
    const line = {
      "prompt_id": "p",
      "token_ids": Int32Array.of(1, -2),
      "planning_mask": Uint8Array.of(0, 1),
      advantages: Float32Array.of(0.5, -0),
      spans: [[0, 1, 2]],
    };
    const expected =
      '{"prompt_id":"p","token_ids":[1,-2],"planning_mask":[0,1],"advantages":[0.5,-0.0],' +
      '"spans":[[0,1,2]]}\n';
    await writeJsonl(join(folder, "a.jsonl"), [line]);
    assert.equal(await Deno.readTextFile(join(folder, "a.jsonl")), expected);
    await writeJsonl(join(folder, "a.jsonl.gz"), [line]);
    const packed = await Deno.readFile(join(folder, "a.jsonl.gz"));
    assert.equal(gunzipSync(packed).toString("utf8"), expected);
    await writeJsonl(join(folder, "none.jsonl"), []);
    assert.equal(await Deno.readTextFile(join(folder, "none.jsonl")), "");
  });
});

Deno.test("writeJsonl() writes a float32 in the fewest digits that read back to it", async () => {
  const cases: [number, string][] = [
    [0.6, "0.6"],
    [-0.1, "-0.1"],
    [1 / 3, "0.33333334"],
    [16777216, "16777216"],
    [8589973504, "8589974000"],
    [2 ** -149, "1e-45"], // the smallest denormal
    [1.1754942e-38, "1.1754942e-38"], // the largest
    [2 ** -126, "1.1754944e-38"],
    [3.4028234663852886e38, "3.4028235e+38"],
    [0, "0"],
    [-0, "-0.0"], // Python would read -0 as an integer, without its sign
  ];
  await inFolder(async (folder) => {
    const path = join(folder, "a.jsonl");
    const written = async (values: Float32Array): Promise<string> => {
      await writeJsonl(path, [{ advantages: values }]);
      return await Deno.readTextFile(path);
    };
    const values = Float32Array.from(cases, ([value]) => value);
    const expected = cases.map(([, text]) => text).join(",");
    assert.equal(await written(values), `{"advantages":[${expected}]}\n`);

    const bits = fc.uint32Array({ minLength: 64, maxLength: 64 });
    await fc.assert(fc.asyncProperty(bits, async (bits) => {
      const values = new Float32Array(bits.buffer).filter((value) => Number.isFinite(value));
      const texts = (await written(values)).match(/\[(.*)\]/)![1]!.split(",").filter(Boolean);
      for (const [i, value] of values.entries()) {
        const text = texts[i]!;
        assert.equal(Math.fround(Number(text)), value, text);
        const digits = text.replace(/e.*|[-.]/g, "").replace(/^0+|0+$/g, "").length;
        if (digits < 2) continue;
        assert.notEqual(Math.fround(Number(value.toPrecision(digits - 1))), value, text);
      }
    }));
  });
});

Deno.test("writeJsonl() throws when JSON cannot hold a number, and leaves the old file", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "a.jsonl");
    await Deno.writeTextFile(path, "old");
    const lines = [{ advantages: Float32Array.of(1) }, { advantages: Float32Array.of(1, NaN) }];
    await assert.rejects(writeJsonl(path, lines), {
      name: "RangeError",
      message: "Cannot write advantages as JSON holds only finite numbers: advantages[1] is NaN",
    });
    assert.equal(await Deno.readTextFile(path), "old");
    assert.deepEqual(readdirSync(folder), ["a.jsonl"]);
  });
});

Deno.test("writeOutput() follows a link and keeps the mode of the file", async () => {
  await inFolder(async (folder) => {
    const [file, link] = [join(folder, "file"), join(folder, "link")];
    await Deno.writeTextFile(file, "old");
    await Deno.chmod(file, 0o600);
    await Deno.symlink(file, link);
    await writeOutput(link, ["new ", Uint8Array.of(0x21)]);
    assert.equal(await Deno.readTextFile(file), "new !");
    assert.equal((await Deno.lstat(link)).isSymlink, true);
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder).sort(), ["file", "link"]);
  });
});

Deno.test("writeOutput() writes to a device without replacing it", async () => {
  await writeOutput("/dev/null", ["gone"]);
  assert.equal((await Deno.stat("/dev/null")).isCharDevice, true);
});

Deno.test("writeOutput() throws when the folder is missing", async () => {
  await assert.rejects(writeOutput(join(SHIPPED, "missing", "a.jsonl"), ["x"]), { code: "ENOENT" });
});

Deno.test("readRollouts() reads every shipped corpus, as its README lists it", async () => {
  const readme = readFileSync(join(SHIPPED, "README.md"), "utf8");
  const listed = [...readme.matchAll(/^([0-9a-f]{64}) {2}(\S+)$/gm)];
  const files = readdirSync(SHIPPED).filter((name) => name.endsWith(".gz")).sort();
  assert.deepEqual(listed.map(([, , name]) => name), files);
  let size = 0;
  for (const [, digest, name] of listed) {
    const bytes = readFileSync(join(SHIPPED, name!));
    size += bytes.length;
    assert.equal(createHash("sha256").update(bytes).digest("hex"), digest, name);
    const rollouts = await readAll(join(SHIPPED, name!));
    const { batch, promptIds } = rolloutsToBatch(rollouts, { encode: () => [0] });
    assert.equal(batch.rewards!.every((reward) => reward === 0 || reward === 1), true);
    const changes = batch.groupIds!.filter((group, s) => group !== batch.groupIds![s - 1]);
    assert.equal(changes.length, promptIds.length, "the rollouts of a prompt are consecutive");
  }
  assert.ok(size <= 3_000_000, `${size} bytes`);
});

Deno.test("the labeled sentences tile their completion but for white space", async () => {
  for await (const rollout of readRollouts(join(SHIPPED, "r1_distill_8b_labelled.jsonl.gz"))) {
    let at = "<think>".length;
    for (const { start, end } of rollout.sentences as { start: number; end: number }[]) {
      assert.equal(rollout.completion!.slice(at, start).trim(), "");
      assert.ok(end > start);
      at = end;
    }
  }
});

Deno.test("readRollouts() throws when the path is a folder", async () => {
  await assert.rejects(async () => {
    for await (const _ of readRollouts("tests")) throw new Error("unreachable");
  }, {
    name: "TypeError",
    message: "Cannot read rollouts as tests is a folder: name a file in it",
  });
});
