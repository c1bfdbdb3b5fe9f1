import process from "node:process";
import { visibleLine } from "../batch/internal.ts";
import { isInputError } from "../batch/mod.ts";

/** A program of the bench. */
export interface BenchCommand<Options> {
  /** Reads the arguments; null asks for help. */
  readonly parse: (args: readonly string[]) => Options | null;
  /** Text of `--help`. */
  readonly help: string;
  /** Does the work. */
  readonly main: (options: Options) => Promise<void>;
}

/** Runs a program with the arguments of the process; after an error the exit status is 1. */
export async function runCommand<Options>(
  { parse, help, main }: BenchCommand<Options>,
): Promise<void> {
  try {
    const options = parse(process.argv.slice(2));
    if (options === null) console.log(help);
    else await main(options);
  } catch (error) {
    // What the user can mend is told in one line; anything else keeps its trace.
    const { message, code } = error as NodeJS.ErrnoException;
    const isUsers = isInputError(error) || code === "ENOENT" ||
      code?.startsWith("ERR_PARSE_ARGS");
    console.error(isUsers ? `error: ${visibleLine(message)}` : error);
    process.exitCode = 1;
  }
}
