import assert from "node:assert/strict";
import { errorJudgePrompt, errorPairs, parseErrorType } from "../../metrics/mod.ts";

Deno.test("errorJudgePrompt() holds the problem, both solutions and the four answers", () => {
  const prompt = errorJudgePrompt({
    problem: "PROBLEM $& $1",
    referenceSolution: "REFERENCE",
    studentSolution: "STUDENT",
  });
  for (const part of ["PROBLEM $& $1", "REFERENCE", "STUDENT", "(A)", "(B)", "(C)", "(D)"]) {
    assert.ok(prompt.includes(part), part);
  }
});

Deno.test("parseErrorType() reads the letter in the last box", () => {
  const cases: [reply: string, type: string][] = [
    ["\\boxed{A}", "A"],
    ["So it is $\\boxed{ B }$.", "B"],
    ["\\boxed{(C)}", "C"],
    ["\\boxed{\\text{D}}", "D"],
    ["\\boxed{\\text{(A)}}", "A"],
    ["Either \\boxed{A} or \\boxed{B}; I say \\boxed{C}", "C"],
  ];
  for (const [reply, type] of cases) assert.equal(parseErrorType(reply), type);
});

Deno.test("parseErrorType() throws when no letter is boxed", () => {
  const cases: [reply: string, found: string][] = [
    ["", "there is no box"],
    ["C", "there is no box"],
    ["\\boxed{E}", "found \\boxed{E}"],
    ["\\boxed{AB}", "found \\boxed{AB}"],
    ["\\boxed{A} no, \\boxed{42}", "found \\boxed{42}"],
  ];
  for (const [reply, found] of cases) {
    assert.throws(() => parseErrorType(reply), {
      name: "SyntaxError",
      message: "Cannot read the error type as the reply must end in \\boxed{A}, \\boxed{B}, " +
        `\\boxed{C} or \\boxed{D}: ${found}`,
    });
  }
});

Deno.test("errorPairs() keeps the four types apart and counts nothing for nothing", () => {
  assert.deepEqual(errorPairs({ A: 1, B: 2, C: 3, D: 4 }, { prefix: "" }), {
    error_invalid_frac: { sum: 1, count: 10 },
    error_procedure_frac: { sum: 2, count: 10 },
    error_planning_frac: { sum: 3, count: 10 },
    error_acceptable_frac: { sum: 4, count: 10 },
    error_planning_of_real_frac: { sum: 3, count: 5 },
  });
  for (const pair of Object.values(errorPairs({ A: 0, B: 0, C: 0, D: 0 }))) {
    assert.deepEqual(pair, { sum: 0, count: 0 });
  }
});

Deno.test("errorPairs() throws on a count that is not a non-negative integer", () => {
  assert.throws(() => errorPairs({ A: 0, B: 0, C: -1, D: 0 }), {
    name: "RangeError",
    message: "Cannot compute error shares as counts must be non-negative integers: counts.C is -1",
  });
});
