import process from "node:process";
import { visibleLine } from "../batch/internal.ts";
import { isInputError } from "../batch/mod.ts";

/** Runs a program; after an error the exit status is 1. */
export async function runCommand(program: () => Promise<unknown>): Promise<void> {
  try {
    await program();
  } catch (error) {
    // What the user can mend is told in one line; anything else keeps its trace.
    const { message, code } = error as NodeJS.ErrnoException;
    const isUsers = isInputError(error) || code === "ENOENT" ||
      code?.startsWith("ERR_PARSE_ARGS");
    console.error(isUsers ? `error: ${visibleLine(message)}` : error);
    process.exitCode = 1;
  }
}
