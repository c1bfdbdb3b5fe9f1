/**
 * Builds the file of this folder from a normalised source corpus, which the repository does not hold:
 * `deno run -A tests/testdata/importance_kl/build.ts SOURCES`. Same source and same Deno, same bytes.
 * `README.md` says where the source comes from.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { gunzipSync, gzipSync } from "node:zlib";

interface Trace {
  "group_id": string;
  chunks: { "counterfactual_importance_kl": number }[];
}

const NAME = "thought_anchors_labelled_traces.jsonl.gz";

const folder = process.argv[2];
if (folder === undefined) throw new TypeError("Usage: build.ts SOURCES");
const traces = gunzipSync(readFileSync(join(folder, NAME))).toString("utf8")
  .split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Trace);
// The order of the rollout file that these figures belong to.
traces.sort((a, b) => a.group_id < b.group_id ? -1 : a.group_id > b.group_id ? 1 : 0);
const lines = traces.map(({ group_id: promptId, chunks }) =>
  JSON.stringify({
    prompt_id: promptId,
    counterfactual_importance_kl: chunks.map((chunk) => chunk.counterfactual_importance_kl),
  }) + "\n"
);
const bytes = gzipSync(lines.join(""), { level: 9 });
bytes[9] = 0xff; // the header's operating system: unknown, so that every machine writes the same
writeFileSync(new URL("r1_distill_8b_labelled.jsonl.gz", import.meta.url), bytes);
console.log(`${lines.length} traces, ${bytes.length} bytes`);
