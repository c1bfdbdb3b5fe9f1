import { creditCase } from "./cases/credit.ts";
import { logitsCase } from "./cases/logits.ts";
import { matchCase } from "./cases/match.ts";
import type { GpuCase } from "./gpu_case.ts";

/** Every kernel. */
export const GPU_CASES: readonly GpuCase[] = [
  logitsCase("f32", "forward"),
  logitsCase("f16", "forward"),
  logitsCase("bf16", "forward"),
  logitsCase("f32", "backward"),
  logitsCase("f16", "backward"),
  logitsCase("bf16", "backward"),
  creditCase("paper"),
  creditCase("mass-preserving"),
  matchCase,
];
