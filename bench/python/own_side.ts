import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { hicraAdvantages } from "../../advantage/mod.ts";
import { lexiconFromGrams, SgMatcher } from "../../sg/mod.ts";
import type { Case } from "./case_folder.ts";
import type { CaseRequest, PeerAnswer } from "./peer_process.ts";

// Our side of the cases in a process of its own, for the memory that they take. It speaks as
// bench/peers/turns.py does.

interface Entry {
  readonly file: string;
}

interface Manifest {
  readonly arrays: Readonly<Record<string, Entry>>;
  readonly cases: Readonly<Record<string, Case>>;
}

/** Reads an array of the case. */
type Read = (name: string) => Promise<ArrayBuffer>;

type Options = Readonly<Record<string, unknown>>;

const RUNS: Readonly<Record<string, (read: Read, options: Options) => Promise<number>>> = {
  nothing: () => Promise.resolve(0),
  async matcher(read, options) {
    const offsets = new Int32Array(await read("token offsets"));
    const vocabSize = offsets.length - 1;
    const table = {
      model: "byte-level",
      vocabSize,
      bytes: new Uint8Array(await read("token bytes")),
      offsets,
      special: new Uint8Array(vocabSize),
    } as const;
    const lexicon = lexiconFromGrams(options.grams as string[], { name: "case" });
    const matcher = SgMatcher.compile(lexicon, table);
    const tokenIds = new Int32Array(await read("ids"));
    const lossMask = new Uint8Array(tokenIds.length).fill(1);
    const sequences = new Int32Array(await read("offsets"));
    const numTokens = tokenIds.length;
    const numSequences = sequences.length - 1;
    const batch = { offsets: sequences, tokenIds, lossMask, numTokens, numSequences };
    return matcher.match(batch).spans.length / 3;
  },
  async transform(read, options) {
    const advantages = new Float32Array(await read("advantages"));
    const mask = new Uint8Array(await read("mask"));
    return hicraAdvantages(advantages, mask, { alpha: options.alpha as number })[0]!;
  },
  async logits(read) {
    const { openLogitsPath } = await import("./logits_path.ts");
    const path = await openLogitsPath({ threads: 1 });
    const ids = new Int32Array(await read("ids"));
    const { entropies } = await path.float32(new Float32Array(await read("logits")), ids);
    await path.release();
    return entropies[0]!;
  },
};

/** VmHWM where there is one, as in turns.py. */
async function peakMemoryBytes(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const kibibytes = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
  return 1024 * (kibibytes === undefined ? process.resourceUsage().maxRSS : Number(kibibytes));
}

async function answer({ folder, case: name }: CaseRequest): Promise<PeerAnswer> {
  const { arrays, cases }: Manifest = JSON.parse(
    await readFile(join(folder, "manifest.json"), "utf8"),
  );
  const { run, arrays: names, options = {} } = cases[name]!;
  const start = performance.now();
  const result = await RUNS[run]!(async (array) => {
    const bytes = await readFile(join(folder, arrays[names[array]!]!.file));
    if (bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength) {
      return bytes.buffer as ArrayBuffer; // a copy would count
    }
    return new Uint8Array(bytes).buffer;
  }, options);
  const nanoseconds = Math.round(1e6 * (performance.now() - start));
  const peak = await peakMemoryBytes();
  return { nanoseconds, setupNanoseconds: null, peakMemoryBytes: peak, result };
}

// Loaded only where it is needed: it is tens of megabytes of native code.
if (process.argv[2] === "onnxruntime") await import("./logits_path.ts");
console.log(JSON.stringify({ versions: {} }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
