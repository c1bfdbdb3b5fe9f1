import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Spread } from "../timing.ts";

/** A case in torch, or why there is none. */
export interface TorchTiming extends Partial<Spread> {
  readonly case: string;
  readonly peer: string;
  readonly bytes: number;
  readonly leftOut?: string;
}

const FOLDER = new URL("../peers/", import.meta.url);

/**
 * Runs the torch cases on the GPU.
 *
 * @returns Their times, or one line that says why they were left out.
 */
export function torchTimings(
  { tokens, vocabSize, rounds, device }: {
    /** Tokens of f32, f16 and bf16. */
    readonly tokens: readonly number[];
    readonly vocabSize: number;
    readonly rounds: number;
    readonly device: "cuda" | "cpu";
  },
): TorchTiming[] | string {
  const python = fileURLToPath(new URL(".venv/bin/python", FOLDER));
  if (!existsSync(python)) return "torch is left out: bash bench/peers/setup.sh installs it";
  const script = fileURLToPath(new URL("gpu_logits.py", FOLDER));
  const { status, stdout, stderr } = spawnSync(python, [
    "-W",
    "ignore",
    script,
    "--tokens",
    ...tokens.map(String),
    "--vocab",
    String(vocabSize),
    "--rounds",
    String(rounds),
    "--device",
    device,
  ], { encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) return `torch is left out: ${stderr.trim().split("\n").at(-1)}`;
  return stdout.trim().split("\n").map((line) => JSON.parse(line) as TorchTiming);
}
