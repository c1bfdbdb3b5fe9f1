/**
 * Builds the files of this folder from the normalized sources, which the repository does not hold:
 * `deno run -A tests/testdata/labeled/build.ts SOURCES`. Same sources and same Deno, same bytes.
 * `README.md` says where the sources come from.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { gunzipSync, gzipSync } from "node:zlib";

interface Document {
  readonly "doc_id": string;
  readonly model: string;
  /** They tile the response. */
  readonly nodes: readonly { readonly text: string; readonly label: string }[];
}

const NAMES: Readonly<Record<string, string>> = {
  "reasoningflow_human_maths": "reasoningflow_human",
  "reasoningflow_silver": "reasoningflow_silver",
};

function rollout({ doc_id: id, model, nodes }: Document): object {
  let end = 0;
  return {
    prompt_id: id.slice(0, id.lastIndexOf("_")),
    model,
    completion: nodes.map(({ text }) => text).join(""),
    sentences: nodes.map(({ text, label }) => ({
      start: end,
      end: end += text.length,
      tags: [label],
    })),
  };
}

const folder = process.argv[2];
if (folder === undefined) throw new TypeError("Usage: build.ts SOURCES");
for (const [source, name] of Object.entries(NAMES)) {
  const lines = gunzipSync(readFileSync(join(folder, `${source}.jsonl.gz`))).toString("utf8")
    .split("\n").filter((line) => line !== "")
    .map((line) => JSON.stringify(rollout(JSON.parse(line) as Document)) + "\n");
  const bytes = gzipSync(lines.join(""), { level: 9 });
  bytes[9] = 0xff; // the header's operating system: unknown, so that every machine writes the same
  writeFileSync(new URL(`${name}.jsonl.gz`, import.meta.url), bytes);
  console.log(`${name}: ${lines.length} traces, ${bytes.length} bytes`);
}
