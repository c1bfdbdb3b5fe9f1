import { InputRangeError, InputSyntaxError } from "../batch/mod.ts";
import type { MetricPair } from "./metric_values.ts";

/**
 * Why a rollout failed, as the paper's judge answers (section 4.2.1, Listing 2):
 * A unrelated or no valid attempt, B low-level execution and procedure, C high-level plan and
 * strategy, D the answer is in fact acceptable.
 */
export type ErrorType = "A" | "B" | "C" | "D";

/** How often the judge gave each answer. Counts of several workers merge by adding. */
export type ErrorCounts = Readonly<Record<ErrorType, number>>;

/** What the judge is shown of a failed rollout. */
export interface FailedRollout {
  /** The task. */
  readonly problem: string;
  /** A correct solution. */
  readonly referenceSolution: string;
  /** The rollout that was scored as wrong. */
  readonly studentSolution: string;
}

/**
 * Writes the question to a judge model: the paper's protocol (section 4.2.1, Listing 2) in our words.
 *
 * The paper asked GPT-4o and reports no agreement with people: check a sample by hand.
 *
 * @example Usage
 * ```ts
 * import { errorJudgePrompt } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const prompt = errorJudgePrompt({
 *   problem: "2 + 3 * 4",
 *   referenceSolution: "Multiply first: 2 + 12 = 14.",
 *   studentSolution: "5 * 4 = 20.",
 * });
 * assert.ok(prompt.includes("5 * 4 = 20."));
 * ```
 *
 * @param rollout The problem and the two solutions, inserted as they are.
 * @returns The prompt.
 */
export function errorJudgePrompt(rollout: FailedRollout): string {
  return `A student's solution to a problem was marked as wrong. Find the single most significant reason.

# Problem
${rollout.problem}

# Reference solution
${rollout.referenceSolution}

# Student solution
${rollout.studentSolution}

# Task
1. Understand the problem.
2. Analyze the reference solution: the concepts it uses and its strategy.
3. Find where the student's solution departs from a correct one.
4. Decide on the single most significant reason why it failed, and choose one answer:

(A) No real attempt: it is unrelated to the problem, shows no basic understanding, or is not a solution.
(B) Low-level execution: a concrete step went wrong, such as a calculation, algebra, a substitution, rewriting or solving an equation.
(C) High-level planning: a misunderstood concept, a wrong approach, or a wrong strategic move.
(D) The student's answer is in fact acceptable, even if the method differs.

Think first, then give the letter as \\boxed{A}, \\boxed{B}, \\boxed{C} or \\boxed{D}.
`;
}

/**
 * Reads the judge's answer: the letter in the last `\boxed{...}`, as models repeat the question
 * before they answer. `\boxed{(C)}` and `\boxed{\text{C}}` count too.
 *
 * @example Usage
 * ```ts
 * import { parseErrorType } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * assert.equal(parseErrorType("The plan was wrong from the start. \\boxed{C}"), "C");
 * ```
 *
 * @param reply What the judge wrote.
 * @returns The letter.
 * @throws {SyntaxError} If there is no box, or the last holds something else.
 */
export function parseErrorType(reply: string): ErrorType {
  const start = reply.lastIndexOf("\\boxed{");
  const answer = /^\\boxed\{\s*(?:\\text\{)?\s*\(?([A-D])\)?\s*\}/.exec(reply.slice(start));
  if (start === -1 || answer === null) {
    throw new InputSyntaxError(
      `Cannot read the error type as the reply must end in \\boxed{A}, \\boxed{B}, \\boxed{C} or ` +
        `\\boxed{D}: ${
          start === -1 ? "there is no box" : `found ${reply.slice(start, start + 40)}`
        }`,
    );
  }
  return answer[1] as ErrorType;
}

/**
 * Returns the share of each error type among the judged rollouts, as (sum, count) pairs.
 *
 * | name | pair |
 * |---|---|
 * | `error_invalid_frac` | A over all judged |
 * | `error_procedure_frac` | B over all judged |
 * | `error_planning_frac` | C over all judged |
 * | `error_acceptable_frac` | D over all judged |
 * | `error_planning_of_real_frac` | C over B and C |
 *
 * The paper plots "Planning & Strategy" against "Others" and does not say whether A and D are others;
 * here they stay apart. Compare shares, not counts, as the number of failures falls with training.
 *
 * @example Usage
 * ```ts
 * import { errorPairs } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const pairs = errorPairs({ A: 1, B: 3, C: 5, D: 1 });
 * assert.deepEqual(pairs["hicra/error_planning_frac"], { sum: 5, count: 10 });
 * assert.deepEqual(pairs["hicra/error_planning_of_real_frac"], { sum: 5, count: 8 });
 * ```
 *
 * @param counts Answers of the judge by letter.
 * @param options Put before every name, `"hicra/"` when left out.
 * @returns Pairs by name; a count of 0 means nothing was judged.
 * @throws {RangeError} If a count is not a non-negative integer.
 */
export function errorPairs(
  counts: ErrorCounts,
  options: { readonly prefix?: string } = {},
): Record<string, MetricPair> {
  const { prefix = "hicra/" } = options;
  const { A, B, C, D } = counts;
  for (const [type, count] of Object.entries({ A, B, C, D })) {
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new InputRangeError(
        `Cannot compute error shares as counts must be non-negative integers: ` +
          `counts.${type} is ${count}`,
      );
    }
  }
  const judged = A + B + C + D;
  return {
    [`${prefix}error_invalid_frac`]: { sum: A, count: judged },
    [`${prefix}error_procedure_frac`]: { sum: B, count: judged },
    [`${prefix}error_planning_frac`]: { sum: C, count: judged },
    [`${prefix}error_acceptable_frac`]: { sum: D, count: judged },
    [`${prefix}error_planning_of_real_frac`]: { sum: C, count: B + C },
  };
}
