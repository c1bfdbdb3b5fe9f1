/** The module that a counting thread runs. Anywhere else it only says where it stands. */
import { parentPort, workerData } from "node:worker_threads";
import { InputSyntaxError } from "../../batch/mod.ts";
import type { PackedCounts } from "./_gram_counts.ts";
import { type CounterSetup, ShardCounter } from "./_shard_counter.ts";

/** The address of this module, which ends in `.ts` or `.js` as the package was installed. */
export const COUNT_WORKER: string = import.meta.url;

/** Tells a counting thread from other threads that happen to load this module. */
export interface CountWorkerData {
  readonly hicraCounter: CounterSetup;
}

/** A call of a method of {@linkcode ShardCounter}. */
export interface CounterCall {
  readonly name: string;
  readonly argument: unknown;
}

/** What came of a call. A copy of an error has lost its class, so that of a damaged shard is told beside it. */
export type CounterReply =
  | { readonly value: unknown }
  | { readonly error: unknown; readonly isDamage: boolean };

const setup = (workerData as CountWorkerData | null)?.hicraCounter;
if (parentPort !== null && setup !== undefined) serve(parentPort, setup);

function serve(port: NonNullable<typeof parentPort>, setup: CounterSetup): void {
  // A thread is ended from outside, so it need not pause.
  const counter = new ShardCounter(setup, () => Promise.resolve());
  port.on("message", async ({ name, argument }: CounterCall) => {
    try {
      const call = counter[name as "count"].bind(counter) as (argument: unknown) => unknown;
      const value = await call(argument);
      port.postMessage({ value } satisfies CounterReply, buffersOf(value));
    } catch (error) {
      const isDamage = error instanceof InputSyntaxError;
      port.postMessage({ error, isDamage } satisfies CounterReply);
    }
  });
}

/** The buffers of counts are handed over, not copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (typeof value !== "object" || value === null || !("pairGrams" in value)) return [];
  return Object.values(value as PackedCounts).map(({ buffer }) => buffer);
}
