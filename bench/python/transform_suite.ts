import { applyTransforms, hicra, hicraAdvantages } from "../../advantage/mod.ts";
import { SgMatcher } from "../../sg/mod.ts";
import { seededRandom } from "../seeded_random.ts";
import { flat } from "./case_folder.ts";
import { compare, type Comparison, type Entry } from "./comparison.ts";
import type { MatchInput } from "./match_suite.ts";
import { memoryRows, type MemoryUse } from "./memory.ts";
import type { PeerAnswer } from "./peer_process.ts";
import { type SuiteOptions, withSession } from "./session.ts";
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
 * @param options The interpreter and the rounds.
 */
export function compareTransforms(
  { batch, tokenizer, lexicon }: MatchInput,
  options: SuiteOptions,
): Promise<{ readonly comparisons: Comparison[]; readonly memory: MemoryUse[] }> {
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
  return withSession(set, options, (session) =>
    session.withPython(1, async (peer) => {
      const python = Object.entries(LINES).map(([run, [name, what]]): Entry => ({
        name,
        side: "Python",
        what,
        contestant: inPython(peer, run, mustBeNear(run)),
        finds: (difference) => `largest difference ${difference.toExponential(1)}`,
      }));
      const comparison = await compare(
        {
          task: "transform",
          input,
          items: batch.numTokens,
          unit: "tokens",
          bytes: BYTES_PER_TOKEN * batch.numTokens,
          threads: 1,
        },
        [...ours, ...python],
        options.rounds,
      );
      const memory = await memoryRows(session, input, [
        { name: "hicra", side: "ours", case: "transform", idle: options.idle.ours },
        { name: "numpy", side: "Python", case: "numpy line", idle: options.idle.numpy },
        { name: "torch", side: "Python", case: "torch addcmul", idle: options.idle.torch },
      ]);
      return { comparisons: [comparison], memory };
    }));
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
