import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { inFolder } from "../_in_folder.ts";
import { run } from "./_run.ts";

const CLI = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** Every file that a command reads, by the name of its argument. None is looked into before the check. */
const FILES = {
  ROLLOUTS: "rollouts.jsonl",
  SOLUTIONS: "solutions/a.jsonl",
  LEXICON: "mine.json",
  "--tokenizer": "tokenizer.json",
  "--lexicon": "mine.json",
  "--config": "config.json",
  "--reference": "reference.json",
  "--prototypes": "prototypes.json",
  "--embedder": "model.onnx",
} as const;

type Role = keyof typeof FILES;

/** Runs with a folder of these files; a configuration must be read, as it may name a lexicon. */
function withFiles(use: (folder: string) => void | Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    mkdirSync(join(folder, "solutions"));
    for (const file of Object.values(FILES)) writeFileSync(join(folder, file), file);
    writeFileSync(
      join(folder, FILES["--config"]),
      JSON.stringify({ lexicon: inside(folder, "LEXICON") }),
    );
    await use(folder);
  });
}

function inside(folder: string, role: Role): string {
  return join(folder, FILES[role]);
}

/** Every file of a folder with its content. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(names.map((name) => [name, readFileSync(name, "utf8")]));
}

Deno.test("hicra refuses an output that is one of its inputs, whatever the path, and touches nothing", () =>
  withFiles(async (folder) => {
    const file = (role: Role): string => inside(folder, role);
    const match = (...roles: Role[]): string[] => [
      file("ROLLOUTS"),
      ...(["--tokenizer", ...roles] as const).flatMap((role) => [role, file(role)]),
    ];
    const commands: [args: string[], out: string, roles: Role[]][] = [
      [["mask", ...match("--lexicon")], "--out", ["ROLLOUTS", "--tokenizer", "--lexicon"]],
      [["mask", file("ROLLOUTS"), "--tokenizer", folder], "--out", ["--tokenizer"]],
      [["apply", ...match("--config")], "--out", [
        "ROLLOUTS",
        "--tokenizer",
        "--config",
        "--lexicon",
      ]],
      [["inspect", ...match("--config")], "--html", ["ROLLOUTS", "--config"]],
      [["metrics", ...match("--reference")], "--out", ["ROLLOUTS", "--reference"]],
      [["mine", file("ROLLOUTS")], "--out", ["ROLLOUTS"]],
      [["mine", join(folder, "solutions")], "--out", ["SOLUTIONS"]],
      [["mine", file("SOLUTIONS"), "--prototypes", file("--prototypes")], "--out", [
        "--prototypes",
      ]],
      [["mine", file("SOLUTIONS"), "--embedder", folder], "--out", ["--embedder", "--tokenizer"]],
      [["lexicon", "export", file("LEXICON")], "--out", ["LEXICON"]],
      [["lexicon", "drop", "30%", file("LEXICON"), "--seed", "1"], "--out", ["LEXICON"]],
      [["lexicon", "merge", "paper", file("LEXICON")], "--out", ["LEXICON"]],
    ];
    let number = 0;
    for (const [args, flag, roles] of commands) {
      for (const role of roles) {
        const links = [join(folder, `symbolic${number}`), join(folder, `hard${number++}`)];
        symlinkSync(file(role), links[0]!);
        linkSync(file(role), links[1]!);
        for (const out of [file(role), join(folder, "solutions", "..", FILES[role]), ...links]) {
          const before = contents(folder);
          const { code, stderr } = await run(...args, flag, out);
          const shown = `${args.join(" ")} ${flag} ${out}`;
          assert.equal(code, 2, `${shown}: ${stderr}`);
          assert.ok(stderr.startsWith(`hicra: Cannot write ${flag} ${out} as it must be`), stderr);
          assert.match(stderr, / is the same as [A-Z-]\S* .*, name another\n$/i);
          assert.ok(stderr.includes(file(role)), stderr);
          assert.deepEqual(contents(folder), before, shown);
        }
      }
    }
  }));

Deno.test("hicra mine refuses a work folder that is a folder of solutions, or the lexicon", () =>
  withFiles(async (folder) => {
    const solutions = join(folder, "solutions");
    const out = join(folder, "out.json");
    for (
      const [args, other] of [
        [[solutions, "--out", out, "--work", join(solutions, ".")], `SOLUTIONS ${solutions}`],
        [[solutions, "--out", out, "--work", out], `--out ${out}`],
      ] as const
    ) {
      const { code, stderr } = await run("mine", ...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^hicra: Cannot write --work /);
      assert.ok(stderr.includes(`the same as ${other}, name another`), stderr);
    }
  }));

Deno.test("hicra writes where a built-in lexicon has the name of the output", () =>
  withFiles((folder) => {
    const program = [
      "run",
      "--quiet",
      "-A",
      CLI,
      "lexicon",
      "export",
      "paper",
      "--out",
      "paper",
    ];
    for (let time = 0; time < 2; time++) {
      assert.equal(spawnSync(process.execPath, program, { cwd: folder }).status, 0);
    }
    assert.match(readFileSync(join(folder, "paper"), "utf8"), /^## step\n/);
  }));

Deno.test("hicra refuses standard output that goes into a file that it reads", () =>
  withFiles((folder) => {
    const rollouts = inside(folder, "ROLLOUTS");
    const tokenizer = inside(folder, "--tokenizer");
    const before = contents(folder);
    for (const path of [rollouts, "-"]) {
      const program = [process.execPath, "run", "--quiet", "-A", CLI, "mask", path];
      const { status, stderr } = spawnSync(
        "sh",
        ["-c", '"$@" < "$0" >> "$0"', rollouts, ...program, "--tokenizer", tokenizer],
        { encoding: "utf8" },
      );
      assert.equal(status, 2, stderr);
      const other = path === "-" ? "standard input" : `ROLLOUTS ${rollouts}`;
      assert.ok(stderr.includes(`Cannot write standard output as it must be`), stderr);
      assert.ok(stderr.includes(`the same as ${other}, name another`), stderr);
    }
    assert.deepEqual(contents(folder), before);
  }));
