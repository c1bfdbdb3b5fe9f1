/**
 * The command line, `hicra`: planning masks, HICRA advantages, colored traces and metrics of rollout
 * files, mining, tools for lexicons, and the sidecar. A file of this folder is one command, which
 * parses, calls and prints.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import process from "node:process";
import { inspect as shown } from "node:util";
import { visibleLine, visibleText } from "../batch/internal.ts";
import { systemReason } from "../files/internal.ts";
import { addApplyCommand } from "./apply_command.ts";
import { addInspectCommand } from "./inspect_command.ts";
import { addLexiconCommand } from "./lexicon_command.ts";
import { addListCommand } from "./list_command.ts";
import { ROLLOUTS_HELP } from "./manual.ts";
import { addMaskCommand } from "./mask_command.ts";
import { addMetricsCommand } from "./metrics_command.ts";
import { addMineCommand } from "./mine_command.ts";
import { addServeCommand } from "./serve_command.ts";
import { UsageError } from "./usage_error.ts";
import { VERSION } from "./version.ts";

/**
 * Runs the command line.
 *
 * @example Usage
 * ```ts
 * import { main } from "@hicra/hicra/cli";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await main(["mask", "missing.jsonl", "--tokenizer", "missing.json"]), 1);
 * ```
 *
 * @param args The arguments after the program's name.
 * @returns The exit code: 0, 1 for a failure such as what a file holds, 2 for a mistake in the
 * arguments. Both say in one line on standard error what is wrong, and nothing else; a failure shows
 * its stack where `HICRA_DEBUG` is set to 1.
 */
export async function main(args: string[]): Promise<number> {
  // Kept until the command has succeeded: beside a failure they would only distract.
  const warnings: string[] = [];
  try {
    const program = createProgram((message) => warnings.push(message));
    await program.parseAsync(unknownCommand(program, args) ?? args, { from: "user" });
    warnings.forEach(say);
    return 0;
  } catch (error) {
    // Commander has written its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (process.env.HICRA_DEBUG === "1") console.error(visibleText(shown(error)));
    else say(`hicra: ${messageOf(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** The arguments up to a command that there is not: commander would answer `--help` behind one with its own. */
function unknownCommand(program: Command, args: readonly string[]): string[] | undefined {
  const names: string[] = [];
  let command = program;
  for (const name of args.filter((arg) => !arg.startsWith("-") && arg !== "help")) {
    if (command.commands.length === 0) return undefined;
    names.push(name);
    const found = command.commands.find((one) => one.name() === name);
    if (found === undefined) return names;
    command = found;
  }
  return undefined;
}

function createProgram(warn: (message: string) => void): Command {
  const program = new Command("hicra")
    .description(
      "Planning-aware credit assignment (HICRA, arXiv 2509.03646) for files of rollouts: marks the " +
        'tokens of strategic grams such as "let\'s try a different angle", amplifies their ' +
        "advantages, shows and measures what happened.",
    )
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      outputError: (message, write) => write(visibleMistake(message)),
    })
    .showHelpAfterError("Run it with --help to see how it is used.")
    .addHelpText("after", `\n${ROLLOUTS_HELP}\n\nhicra COMMAND --help has examples.`);

  addMaskCommand(program, warn);
  addApplyCommand(program, warn);
  addInspectCommand(program, warn);
  addMetricsCommand(program, warn);
  addMineCommand(program, warn);
  addLexiconCommand(program, warn);
  addServeCommand(program);
  addListCommand(program);
  return program;
}

/** The message; of a call that the system refused its name, its path and the reason. */
function messageOf(error: unknown): string {
  const { syscall, path } = Object(error) as NodeJS.ErrnoException;
  const reason = syscall === undefined ? undefined : systemReason(error);
  return reason !== undefined
    ? `Cannot ${syscall}${path === undefined ? "" : ` "${path}"`}: ${reason}`
    : error instanceof Error
    ? error.message
    : String(error);
}

/** What commander says of the arguments; its advice is a line of its own. */
function visibleMistake(message: string): string {
  const lines = message.replace(/^error: /, "hicra: ").trimEnd().split("\n");
  return lines.map((line) => `${visibleLine(line)}\n`).join("");
}

function say(message: string): void {
  process.stderr.write(`${visibleLine(message)}\n`);
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
