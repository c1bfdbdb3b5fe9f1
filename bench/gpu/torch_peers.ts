import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { NOTHING, significant } from "../format.ts";
import { DEFAULT_PYTHON } from "../python/session.ts";
import type { Spread } from "../spread.ts";
import type { Table } from "../table.ts";

/** A case in torch, or why there is none, as bench/peers/gpu_logits.py prints it. */
interface TorchTiming extends Partial<Spread> {
  readonly case: string;
  readonly peer: string;
  readonly bytes: number;
  readonly leftOut?: string;
}

const SCRIPT = fileURLToPath(new URL("../peers/gpu_logits.py", import.meta.url));

/** Runs the torch cases on the GPU, with tokens of f32, f16 and bf16. */
export function torchTable(
  { tokens, vocabSize, rounds }: {
    readonly tokens: readonly number[];
    readonly vocabSize: number;
    readonly rounds: number;
  },
): Table {
  const table = {
    title: "torch on the same GPU",
    columns: ["case", "peer", "ms", "range", "GB/s"],
    words: [1],
  };
  if (!existsSync(DEFAULT_PYTHON)) {
    const note = "torch is left out: bash bench/peers/setup.sh installs it.";
    return { ...table, note, rows: [] };
  }
  const args = ["--vocab", vocabSize, "--rounds", rounds, "--device", "cuda"].map(String);
  const { status, stdout, stderr } = spawnSync(
    DEFAULT_PYTHON,
    ["-W", "ignore", SCRIPT, "--tokens", ...tokens.map(String), ...args],
    { encoding: "utf8", maxBuffer: 1 << 26 },
  );
  if (status !== 0) {
    return { ...table, note: `torch is left out: ${stderr.trim().split("\n").at(-1)}.`, rows: [] };
  }
  return {
    ...table,
    note: "The same sizes and element types, by CUDA events, in the same run of the bench.",
    rows: stdout.trim().split("\n").map((line) => {
      const { case: name, peer, bytes, leftOut, median, min, max } = JSON.parse(
        line,
      ) as TorchTiming;
      return median === undefined ? [name, peer, NOTHING, leftOut ?? "", NOTHING] : [
        name,
        peer,
        significant(median),
        `${significant(min!)}–${significant(max!)}`,
        significant(bytes / median / 1e6),
      ];
    }),
  };
}
