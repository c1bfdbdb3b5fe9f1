import { availableParallelism, totalmem } from "node:os";
import process from "node:process";

/** The machine by what matters, without names. */
export interface Machine {
  readonly cores: number;
  /** Memory in GiB, rounded. */
  readonly memoryGib: number;
  /** Versions that speed depends on. */
  readonly runtime: string;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const { deno, v8 } = process.versions;
  return {
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    runtime: `Deno ${deno}, V8 ${v8}`,
  };
}
