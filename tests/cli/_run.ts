import process from "node:process";
import { main } from "../../cli/main.ts";

/** Runs the command line in this process and returns its exit code and what it has to complain of. */
export async function run(...args: string[]): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await runAloud(...args);
  return { code, stderr: stderr.replace(/^hicra: wrote .*\n/gm, "") };
}

/** The same with all of standard error: of a success, the line that says what was written. */
export async function runAloud(...args: string[]): Promise<{ code: number; stderr: string }> {
  const { write } = process.stderr;
  let stderr = "";
  process.stderr.write = (chunk: string | Uint8Array): boolean => {
    stderr += chunk;
    return true;
  };
  try {
    return { code: await main(args), stderr };
  } finally {
    process.stderr.write = write;
  }
}
