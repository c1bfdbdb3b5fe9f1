import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { InputSyntaxError } from "../../batch/mod.ts";
import {
  COUNT_WORKER,
  type CounterCall,
  type CounterReply,
  type CountWorkerData,
} from "./_count_worker.ts";
import { type CounterSetup, ShardCounter } from "./_shard_counter.ts";

type CounterTask =
  | "startFilter"
  | "filter"
  | "clearTags"
  | "mark"
  | "startCount"
  | "count"
  | "collect"
  | "quote";
type Argument<Task extends CounterTask> = Parameters<ShardCounter[Task]>[0];
type Result<Task extends CounterTask> = Awaited<ReturnType<ShardCounter[Task]>>;

/** A counter here or in another thread. It does one task at a time. */
interface Member {
  run(name: CounterTask, argument: unknown): Promise<unknown>;
  end(reason: unknown): Promise<void>;
}

/** Counters that share the tasks: one in this thread, or several in threads of their own. */
export class CountTeam {
  readonly #members: readonly Member[];
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => void this.#end(this.#signal!.reason);

  /**
   * @param setup What the counters share.
   * @param size How many they are; one works in this thread.
   * @param signal Ends the threads, and the task that is under way throws its reason.
   */
  constructor(setup: CounterSetup, size: number, signal: AbortSignal | undefined) {
    this.#signal = signal;
    this.#members = size === 1
      ? [new LocalMember(setup, signal)]
      : Array.from({ length: size }, () => new ThreadMember(setup));
    signal?.addEventListener("abort", this.#abort);
  }

  /** How many counters there are. */
  get size(): number {
    return this.#members.length;
  }

  /** Has every counter do a task. */
  async all<Task extends CounterTask>(
    name: Task,
    argument: Argument<Task>,
  ): Promise<Result<Task>[]> {
    return await Promise.all(
      this.#members.map((member) => member.run(name, argument) as Promise<Result<Task>>),
    );
  }

  /** Has the counters do tasks, each the next one that is left. */
  async share<Task extends CounterTask>(
    name: Task,
    args: readonly Argument<Task>[],
    onResult?: (result: Result<Task>, index: number) => void,
  ): Promise<void> {
    let next = 0;
    await Promise.all(this.#members.map(async (member) => {
      while (next < args.length) {
        const index = next++;
        const result = await member.run(name, args[index]);
        onResult?.(result as Result<Task>, index);
      }
    }));
  }

  /** Ends the threads; must be called in the end. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#abort);
    await this.#end(
      new Error("Cannot count n-grams as the counters must be at work: they were ended"),
    );
  }

  async #end(reason: unknown): Promise<void> {
    await Promise.all(this.#members.map((member) => member.end(reason)));
  }
}

class LocalMember implements Member {
  readonly #counter: ShardCounter;

  constructor(setup: CounterSetup, signal: AbortSignal | undefined) {
    this.#counter = new ShardCounter(setup, async () => {
      await setImmediate();
      signal?.throwIfAborted();
    });
  }

  async run(name: CounterTask, argument: unknown): Promise<unknown> {
    return await (this.#counter[name] as (argument: unknown) => unknown).call(
      this.#counter,
      argument,
    );
  }

  async end(): Promise<void> {}
}

class ThreadMember implements Member {
  readonly #worker: Worker;
  #pending: { resolve(value: unknown): void; reject(reason: unknown): void } | undefined;
  #ended: Promise<number> | undefined;
  /** Why there will be no more replies. */
  #failure: { reason: unknown } | undefined;

  constructor(setup: CounterSetup) {
    this.#worker = new Worker(workerModule(), {
      workerData: { hicraCounter: setup } satisfies CountWorkerData,
    });
    this.#worker.on("message", (reply: CounterReply) => {
      const pending = this.#pending;
      this.#pending = undefined;
      if ("value" in reply) return pending?.resolve(reply.value);
      const { error, isDamage } = reply;
      pending?.reject(
        isDamage ? new InputSyntaxError((error as Error).message, { cause: error }) : error,
      );
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", (code) =>
      this.#fail(
        new Error(
          `Cannot count n-grams as a thread must go on to the end: it ended with code ${code}`,
        ),
      ));
  }

  async run(name: CounterTask, argument: unknown): Promise<unknown> {
    if (this.#failure !== undefined) throw this.#failure.reason;
    return await new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#worker.postMessage({ name, argument } satisfies CounterCall);
    });
  }

  async end(reason: unknown): Promise<void> {
    this.#fail(reason);
    // One promise for all who end it, as a second call would not wait for the first.
    await (this.#ended ??= this.#worker.terminate());
  }

  #fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#pending?.reject(this.#failure.reason);
    this.#pending = undefined;
  }
}

/** Deno's `node:worker_threads` take no module from the network, but one that imports it. */
function workerModule(): URL {
  return new URL(
    COUNT_WORKER.startsWith("file:")
      ? COUNT_WORKER
      : `data:text/javascript,import ${encodeURIComponent(JSON.stringify(COUNT_WORKER))};`,
  );
}
