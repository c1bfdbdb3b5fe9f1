import process from "node:process";
import { main } from "../../cli/main.ts";

/** Runs the command line in this process and returns its exit code and standard error. */
export async function run(
  ...args: string[]
): Promise<{ code: number; stderr: string }> {
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
