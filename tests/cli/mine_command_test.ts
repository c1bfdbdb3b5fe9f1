import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { loadLexicon } from "../../files/mod.ts";
import { inFolder } from "../_in_folder.ts";
import { fullTest } from "../_scope.ts";

const CLI = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const ROLLOUTS = fileURLToPath(
  new URL("../testdata/rollouts/r1_distill_1p5b_math.jsonl.gz", import.meta.url),
);

interface Run {
  readonly code: number | null;
  readonly stderr: string;
}

/** Runs `hicra mine` as a program; `interruptAt`: sends SIGINT when standard error says so. */
function mine(args: readonly string[], interruptAt?: string): Promise<Run> {
  const child = spawn(
    process.execPath,
    ["run", "--quiet", "-A", CLI, "mine", ...args],
    {
      env: { ...process.env, NO_COLOR: "1" },
    },
  );
  return new Promise((resolve, reject) => {
    let stderr = "";
    let isInterrupted = false;
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
      if (interruptAt === undefined || isInterrupted || !stderr.includes(interruptAt)) return;
      isInterrupted = true;
      // Not child.kill, after which Deno reports no exit code.
      process.kill(child.pid!, "SIGINT");
    });
    child.on("error", reject).on("close", (code) => resolve({ code, stderr }));
  });
}

Deno.test("hicra mine writes a lexicon and removes its work folder", () =>
  inFolder(async (folder) => {
    const out = join(folder, "my-lexicon.json");
    const { code, stderr } = await mine([ROLLOUTS, "--out", out]);
    assert.equal(code, 0, stderr);
    const stages = [
      "reading solutions",
      "finding n-grams",
      "counting n-grams",
      "taking examples",
      "embedding",
      "clustering",
      "measuring coverage",
    ];
    const fields = `${ROLLOUTS}: text completion, prompt prompt_id, label reward`;
    // The fields are known when the first solution was read.
    assert.ok(stderr.startsWith([fields, ...stages].join("\n")), stderr);
    const lexicon = await loadLexicon(out);
    assert.match(
      stderr,
      new RegExp(
        `my-lexicon.json: ${lexicon.grams.length} grams of [\\d]+ n-grams in 336 solutions`,
      ),
    );
    assert.match(stderr, /\nchecking the lexicon on its solutions\n/);
    assert.equal(lexicon.name, "my-lexicon");
    assert.equal(lexicon.provenance.source, ROLLOUTS);
    assert.deepEqual(await readdir(folder), ["my-lexicon.json"]);
  }));

fullTest(
  "hicra mine goes on after an interrupt, to the same bytes",
  () =>
    inFolder(async (folder) => {
      const [out, whole] = [join(folder, "a.json"), join(folder, "b.json")];
      const { code, stderr } = await mine([ROLLOUTS, "--out", out, "--name", "x"], "embedding");
      assert.equal(code, 1);
      assert.match(
        stderr,
        /hicra: interrupted: the same command goes on from what is in .*a.json.work\n$/,
      );
      assert.deepEqual(await readdir(folder), ["a.json.work"]);
      await writeFile(join(`${out}.work`, "notes.txt"), "precious");
      const resumed = await mine([ROLLOUTS, "--out", out, "--name", "x"]);
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.ok(
        resumed.stderr.startsWith(`going on from what is in ${out}.work\n`),
        resumed.stderr,
      );
      assert.ok(!resumed.stderr.includes("counting n-grams"), resumed.stderr);
      // What is not of the work stays, and its folder with it.
      assert.match(resumed.stderr, /a.json.work stays, as it holds .*: notes.txt\n/);
      assert.deepEqual((await readdir(`${out}.work`)).sort(), ["hicra-work.json", "notes.txt"]);
      assert.equal(await readFile(join(`${out}.work`, "notes.txt"), "utf8"), "precious");
      assert.equal((await mine([ROLLOUTS, "--out", whole, "--name", "x"])).code, 0);
      assert.equal(await readFile(out, "utf8"), await readFile(whole, "utf8"));
    }),
);

Deno.test("hicra mine takes prototypes and filters, and counts corrupt lines", () =>
  inFolder(async (folder) => {
    const solutions = join(folder, "solutions.jsonl");
    const lines = ["Wait, let me check.", "Wait, let me see.", "Wait, let me go."].map((text, p) =>
      JSON.stringify({ prompt_id: String(p), completion: `The sum is 4. ${text}`, reward: 1 })
    );
    await writeFile(solutions, [...lines, "{", lines[0]].join("\n"));
    const prototypes = join(folder, "prototypes.json");
    await writeFile(
      prototypes,
      JSON.stringify({
        format: "hicra-prototypes",
        version: 1,
        kinds: { branching: ["wait, let me", "let me go"] },
        execution: ["the sum is", "the number is"],
      }),
    );
    const out = join(folder, "l.json");
    const base = [solutions, "--out", out, "--keep-clusters", "100%", "--max-share", "1"];
    const flags = [...base, "--prototypes", prototypes, "--min-words", "3"];
    const refused = await mine(flags);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /hicra: Cannot read .*solutions.jsonl line 4 as it must be one JSON/,
    );
    const { code, stderr } = await mine([...flags, "--max-corrupt", "1"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /hicra: 1 corrupt records were passed over/);
    const { grams } = await loadLexicon(out);
    assert.deepEqual(grams.map(({ text, kind }) => [text, kind]), [["wait, let me", "branching"]]);
  }));

Deno.test("hicra mine refuses a work folder that it did not make, whatever would come of the run", () =>
  inFolder(async (folder) => {
    const out = join(folder, "l.json");
    const notes = join(`${out}.work`, "notes.txt");
    await mkdir(`${out}.work`);
    await writeFile(notes, "precious");
    const failed = join(folder, "failed.jsonl");
    await writeFile(failed, '{"prompt_id": "a", "completion": "No.", "reward": 0}\n');
    for (const solutions of [failed, ROLLOUTS]) {
      const { code, stderr } = await mine([solutions, "--out", out]);
      assert.equal(code, 1);
      assert.equal(
        stderr,
        `hicra: Cannot keep work in "${out}.work" as it must be empty or of an earlier run of this ` +
          'version: it holds "notes.txt", remove it or name another work folder (--work)\n',
      );
      assert.deepEqual((await readdir(folder)).sort(), ["failed.jsonl", "l.json.work"]);
      assert.equal(await readFile(notes, "utf8"), "precious");
    }
    // A folder of one's own that is empty is taken, and stays.
    await rm(notes);
    assert.equal((await mine([failed, "--out", out])).code, 1);
    assert.deepEqual(await readdir(`${out}.work`), []);
  }));

Deno.test("hicra mine fails in one line, and leaves no lexicon", () =>
  inFolder(async (folder) => {
    const out = join(folder, "l.json");
    const failed = join(folder, "failed.jsonl");
    await writeFile(failed, '{"prompt_id": "a", "completion": "No.", "reward": 0}\n');
    const unlabeled = join(folder, "unlabeled.jsonl");
    await writeFile(unlabeled, '{"prompt_id": "a", "completion": "Let me check this."}\n');
    const cases: [args: string[], code: number, message: RegExp][] = [
      [[join(folder, "missing"), "--out", out], 1, /no such file or directory/i],
      [
        [failed, "--out", out],
        1,
        /at least one solution must be left: of 1 that were read 1 did not .*\(--min-reward\)\n$/,
      ],
      [
        [failed, "--out", join(folder, "no", "l.json")],
        1,
        /^hicra: Cannot write .*l.json as its folder must be there: .*no is not/,
      ],
      [[failed, "--out", out, "--embedder", folder], 1, /tokenizer.json/],
      [
        [unlabeled, "--out", out],
        1,
        /name another field of the label when reading, or pass unlabeled "keep" or "drop" \(--unlabeled\)\n$/,
      ],
      [
        [unlabeled, "--out", out, "--unlabeled", "keep"],
        1,
        /pass more solutions or a lower minPrompts \(--min-prompts\)\n$/,
      ],
      [
        [failed, "--out", out, "--keep-clusters", "0"],
        1,
        /as keepClusters must be a share above 0 .*: current value is 0 \(--keep-clusters\)\n$/,
      ],
      [[failed, "--out", out, "--prototypes", failed], 1, /Cannot read prototypes of/],
      [[failed, "--out", out, "--memory", "much"], 2, /It must be a size such as 512M or 4G/],
      [[failed, "--out", out, "--unit", "line"], 2, /Allowed choices are word, character/],
      [[failed], 2, /required option '--out <FILE>' not specified/],
    ];
    for (const [args, code, message] of cases) {
      const run = await mine(args);
      assert.equal(run.code, code, `${args.join(" ")}: ${run.stderr}`);
      assert.match(run.stderr, message);
      const left = (await readdir(folder)).filter((name) => name.startsWith("l.json"));
      // Solutions that were read stay for another try.
      assert.deepEqual(left, args.includes("keep") ? ["l.json.work"] : []);
      await rm(`${out}.work`, { recursive: true, force: true });
    }
  }));
