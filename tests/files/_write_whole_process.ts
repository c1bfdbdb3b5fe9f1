/** Writes standard input to a file, after it has done what its second argument says with signals. */
import process from "node:process";
import { writeWhole } from "../../files/write_whole.ts";

const [path, mode] = process.argv.slice(2) as [string, string];
if (mode === "listens") process.once("SIGTERM", () => process.stderr.write("heard\n"));
if (mode === "exits") process.once("SIGTERM", () => process.exit(7));
async function* input(): AsyncGenerator<Uint8Array> {
  process.stderr.write("begun\n");
  yield* process.stdin as AsyncIterable<Uint8Array>;
}
await Promise.all([
  writeWhole(path, input()),
  ...(mode === "twice" ? [writeWhole(`${path}.2`, input())] : []),
]);
process.stderr.write("written\n");
