import { type CaseSet, flat, withCaseFolder } from "./case_folder.ts";
import { compare, type Comparison, type Entry } from "./comparison.ts";
import { threadCounts } from "./limits.ts";
import { type LogitsFunction, type LogitsPath, openLogitsPath } from "./logits_path.ts";
import {
  checkStatistics,
  drawLogits,
  fromBfloat16,
  type LogitsInput,
  type StatisticsError,
  trueStatistics,
  type Truth,
} from "./logits_truth.ts";
import { memoryRows } from "./memory.ts";
import type { Home } from "./sides.ts";
import type { SuiteOptions, SuiteResult } from "./suite.ts";
import { type Contestant, here, inPython, type PythonPlace } from "./take_turns.ts";

/** The Python side, by the name of its functions in bench/peers/logits_cases.py. */
export const LOGITS_PEERS = {
  "torch eager, whole": "log_softmax, gather, entropy, all rows at once",
  "torch eager, TRL": "logsumexp by rows, entropy from log_softmax in chunks, as TRL",
  "torch eager, verl": "logsumexp by rows, entropy from softmax and logits, as verl",
  "torch eager, rows": "log_softmax by rows, dot product",
  "torch eager, rows by hand": "exponentials by rows, once for sum and entropy",
  "torch.compile": "the first of these, compiled by inductor",
  "onnxruntime": "LogSoftmax, GatherElements, ReduceSum in Python's onnxruntime",
} as const;

/** Rows and columns: those of Qwen3's vocabulary, padded as its model is. */
const SHAPE = {
  full: { tokens: 64, vocabulary: 151_936 },
  quick: { tokens: 4, vocabulary: 15_000 },
} as const;

/** Compiling takes seconds each time, so a quick run does without. */
const COMPILED = "torch.compile";

type Dtype = "float32" | "bfloat16";

/**
 * Times our way from logits to log-probabilities and entropies beside torch and onnxruntime, for each
 * type of logits on one core, and float32 on all.
 *
 * @param options How to run.
 */
export async function compareLogits(
  { sides, rounds, size, idle }: SuiteOptions,
): Promise<SuiteResult> {
  const input = drawLogits(SHAPE[size].tokens, SHAPE[size].vocabulary);
  return await withCaseFolder(logitsCases(input), async (folder) => {
    const comparisons: Comparison[] = [];
    for (const dtype of ["float32", "bfloat16"] as const) {
      const truth = trueStatistics(
        dtype === "float32" ? input.float32 : fromBfloat16(input.bfloat16),
        input.tokenIds,
      );
      for (const threads of dtype === "float32" ? threadCounts() : [1]) {
        const subject = {
          task: "logits",
          input: wordsOf(input, dtype),
          items: input.tokens,
          unit: "tokens",
          bytes: input[dtype].byteLength,
          threads,
        } as const;
        const path = await openLogitsPath({ threads });
        try {
          const entries = [
            ...ours(path, input, dtype, truth),
            ...python({ sides, threads, folder }, input, dtype, truth)
              .filter(({ name }) => size === "full" || name !== COMPILED),
          ];
          comparisons.push(await compare(subject, entries, rounds));
        } finally {
          await path?.release();
        }
      }
    }
    const words = wordsOf(input, "float32");
    const memory = await memoryRows({ sides, idle }, { folder, input: words }, logitsMemory());
    return { comparisons, memory };
  });
}

/** Cases of all peers on logits of both types; "logits" is ours. */
export function logitsCases(
  { tokens, vocabulary, float32, bfloat16, tokenIds }: LogitsInput,
): CaseSet {
  const shape = [tokens, vocabulary];
  const runs = ["logits", ...Object.keys(LOGITS_PEERS)];
  return {
    arrays: {
      "float32": { dtype: "float32", shape, data: float32 },
      "bfloat16": { dtype: "bfloat16", shape, data: bfloat16 },
      "ids": flat(tokenIds),
    },
    cases: Object.fromEntries(
      (["float32", "bfloat16"] as const).flatMap((dtype) =>
        runs.map((run) => [`${run}, ${dtype}`, { run, arrays: { "logits": dtype, "ids": "ids" } }])
      ),
    ),
  };
}

/** Cases whose memory is measured; ours where there is one. */
function logitsMemory(): Record<string, readonly [Home, string]> {
  const names = ["torch eager, whole", "torch eager, rows by hand"];
  return {
    hicra: ["onnxruntime", "logits, float32"],
    ...Object.fromEntries(names.map((name) => [name, ["torch", `${name}, float32`] as const])),
  };
}

function wordsOf({ tokens, vocabulary }: LogitsInput, dtype: Dtype): string {
  return `[${tokens}, ${vocabulary.toLocaleString("en-US")}] ${dtype}`;
}

function ours(
  path: LogitsPath | undefined,
  input: LogitsInput,
  dtype: Dtype,
  truth: Truth,
): Entry[] {
  const contestant = path && ownContestant(path, input, dtype, truth);
  if (path === undefined || contestant === undefined) return [];
  return [{
    name: path.name,
    side: "ours",
    what: "logits to logprobs and entropies",
    ...contestant,
  }];
}

/** Ours as a contestant that checks itself; undefined where it does not take the type. */
export function ownContestant(
  path: LogitsPath,
  { float32, bfloat16, tokenIds, vocabulary }: LogitsInput,
  dtype: Dtype,
  truth: Truth,
): { readonly contestant: Contestant; readonly finds: () => string } | undefined {
  let error: StatisticsError | undefined;
  const run = async <Logits>(
    compute: LogitsFunction<Logits>,
    logits: Logits,
  ): Promise<Contestant> => {
    const values = await compute(logits, tokenIds);
    error = checkStatistics(path.name, values, truth, vocabulary);
    return here(async () => (await compute(logits, tokenIds)).entropies[0]!);
  };
  const make = dtype === "float32"
    ? () => run(path.float32, float32)
    : path.bfloat16 && (() => run(path.bfloat16!, bfloat16));
  if (make === undefined) return undefined;
  let timed: Promise<Contestant> | undefined;
  return {
    contestant: async () => await (await (timed ??= make()))(),
    finds: () => errorWords(error),
  };
}

function python(place: PythonPlace, input: LogitsInput, dtype: Dtype, truth: Truth): Entry[] {
  return Object.entries(LOGITS_PEERS).map(([name, what]): Entry => {
    let error: StatisticsError | undefined;
    return {
      name,
      side: "Python",
      what,
      contestant: inPython(place, `${name}, ${dtype}`, ({ values }) => {
        error = checkStatistics(name, values, truth, input.vocabulary);
      }),
      finds: () => errorWords(error),
    };
  });
}

function errorWords(error: StatisticsError | undefined): string {
  if (error === undefined) return "";
  return `largest error ${error.logprob.toExponential(1)}, ${error.entropy.toExponential(1)}`;
}
