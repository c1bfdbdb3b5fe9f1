import { applyTransforms, hicra, hicraAdvantages } from "../../advantage/mod.ts";
import { SgMatcher } from "../../sg/mod.ts";
import { seededRandom } from "../seeded_random.ts";
import { flat, withCaseFolder } from "./case_folder.ts";
import { compare, type Entry } from "./comparison.ts";
import { memoryRows } from "./memory.ts";
import type { PeerAnswer } from "./peer_process.ts";
import type { SuiteInput, SuiteOptions, SuiteResult } from "./suite.ts";
import { here, inPython } from "./take_turns.ts";

const ALPHA = 0.2;

/** Bytes that must be moved for a token: advantage and mask are read, an advantage is written. */
const BYTES_PER_TOKEN = 4 + 1 + 4;

/** `alpha * |A| * m` and its sum with `A` are rounded three times in float32, ours once. */
const TOLERANCE = 4 * 2 ** -24;

/** The lines of Python, by the name of their function in bench/peers/transform_cases.py. */
const LINES = {
  "numpy line": ["numpy", "A + alpha * np.abs(A) * m"],
  "torch line": ["torch", "A + alpha * A.abs() * m"],
  "torch addcmul": ["torch", "torch.addcmul(A, A.abs(), m, value=alpha)"],
} as const;

/**
 * Times HICRA's transform beside a line of numpy or torch, on advantages of -1 to 1 and the planning
 * mask of the rollouts.
 *
 * @param input Rollouts, tokenizer, lexicon.
 * @param options How to run.
 */
export function compareTransforms(
  { batch, tokenizer, lexicon }: SuiteInput,
  { sides, rounds, idle }: SuiteOptions,
): Promise<SuiteResult> {
  const random = seededRandom(1);
  const advantages = Float32Array.from({ length: batch.numTokens }, () => 2 * random() - 1);
  const { planningMask, spans } = SgMatcher.compile(lexicon, tokenizer.table).match(batch);
  const expected = hicraAdvantages(advantages, planningMask, { alpha: ALPHA });
  const transforms = [hicra({ alpha: ALPHA })];
  const input = `${batch.numTokens.toLocaleString("en-US")} float32 advantages, uint8 mask`;
  const arrays = { "advantages": "advantages", "mask": "mask", "expected": "expected" };
  const caseOf = (run: string) => ({ run, arrays, options: { alpha: ALPHA } });
  const set = {
    arrays: {
      "advantages": flat(advantages),
      "mask": flat(planningMask),
      "expected": flat(expected),
    },
    cases: Object.fromEntries(
      [...Object.keys(LINES), "transform"].map((run) => [run, caseOf(run)]),
    ),
  };
  const last = batch.numTokens - 1;
  const ours: Entry[] = [{
    name: "hicra",
    side: "ours",
    what: "hicraAdvantages()",
    contestant: here(() => hicraAdvantages(advantages, planningMask, { alpha: ALPHA })[last]!),
  }, {
    name: "hicra, checked",
    side: "ours",
    what: "applyTransforms(), which checks every value and copies the mask",
    contestant: here(() =>
      applyTransforms(transforms, { advantages, planningMask }, {
        batch,
        spans,
        step: 0,
        signals: {},
      }).advantages[last]!
    ),
  }];
  return withCaseFolder(set, async (folder) => {
    const python = Object.entries(LINES).map(([run, [name, what]]): Entry => ({
      name,
      side: "Python",
      what,
      contestant: inPython({ sides, threads: 1, folder }, run, mustBeNear(run)),
      finds: (difference) => `largest difference ${difference.toExponential(1)}`,
    }));
    const subject = {
      task: "transform",
      input,
      items: batch.numTokens,
      unit: "tokens",
      bytes: BYTES_PER_TOKEN * batch.numTokens,
      threads: 1,
    } as const;
    return {
      comparisons: [await compare(subject, [...ours, ...python], rounds)],
      memory: await memoryRows({ sides, idle }, { folder, input }, {
        "hicra": ["deno", "transform"],
        "numpy": ["numpy", "numpy line"],
        "torch": ["torch", "torch addcmul"],
      }),
    };
  });
}

function mustBeNear(name: string): (answer: PeerAnswer) => void {
  return ({ result }) => {
    if (!(result <= TOLERANCE)) {
      throw new Error(
        `Cannot compare with "${name}" as it must differ from our advantages by ${TOLERANCE} at ` +
          `most: current value is ${result}`,
      );
    }
  };
}
