import { createTransform, hicraAdvantages } from "../../advantage/mod.ts";
import { creditChains } from "../chains.ts";
import type { PythonSession } from "../python/session.ts";
import { credited, creditedBatches, type Sample } from "../sample.ts";
import { withStandIns } from "../stand_in.ts";
import type { Contestant, Suite } from "../suite.ts";

/** `alpha * |A| * m` and its sum with `A` are rounded three times in float32, ours once; |A| is below 8. */
const TOLERANCE = 8 * 4 * 2 ** -24;

/** Cases of bench/peers/transform_cases.py, and what they do. */
const PYTHON_CASES = {
  "numpy line": "A + alpha * np.abs(A) * m",
  "torch line": "A + alpha * A.abs() * m",
  "torch addcmul": "torch.addcmul(A, A.abs(), m, value=alpha)",
} as const;

/** HICRA beside a plain loop, and every other transform on the same batches. */
export async function transformSuite(
  sample: Sample,
  python: PythonSession | null = null,
): Promise<Suite> {
  const { matcher, alpha } = sample;
  const batches = withStandIns(creditedBatches(sample));
  const marked = batches.map((batch) => ({ batch, ...matcher.match(batch) }));
  const each = (run: (of: typeof marked[number]) => Float32Array): number =>
    marked.reduce((sum, of) => sum + run(of).at(-1)!, 0);
  const plain = ({ batch, planningMask }: typeof marked[number]) =>
    plainHicra(batch.advantages, planningMask, alpha);
  const ours = ({ batch, planningMask }: typeof marked[number]) =>
    hicraAdvantages(batch.advantages, planningMask, { alpha });
  const chains = creditChains(alpha).map(({ name, transforms: configs }): Contestant => {
    const transforms = configs.map(createTransform);
    return {
      name: `${name}${name === "hicra" ? ", checked" : ""}`,
      what: "applyTransforms",
      run: () => each(({ batch, ...planning }) => credited(batch, planning, transforms).advantages),
    };
  });
  return {
    name: "Transforms",
    note:
      "From advantages and mask to credited advantages, one core. applyTransforms checks every value and copies the " +
      "mask; the others check nothing.",
    tokens: batches.reduce((sum, { numTokens }) => sum + numTokens, 0),
    contestants: [
      { name: "hicraAdvantages", what: "A + alpha |A| m, checked options", run: () => each(ours) },
      { name: "plain loop", what: "the same in a loop of JavaScript", run: () => each(plain) },
      ...await python?.contestants(
        {
          "advantages": joined(marked.map(({ batch }) => batch.advantages)),
          "mask": joined(marked.map(({ planningMask }) => planningMask)),
          "expected": joined(marked.map(ours)),
        },
        Object.entries(PYTHON_CASES).map(([run, what]) => ({ run, what, options: { alpha } })),
      ) ?? [],
      ...chains,
    ],
    check(found) {
      for (const of of marked) mustEqual(ours(of), plain(of));
      for (const name of Object.keys(PYTHON_CASES)) {
        const difference = found.get(name) ?? 0;
        if (!(difference <= TOLERANCE)) {
          throw new Error(
            `Cannot compare with ${name} as it must differ from our advantages by ${TOLERANCE} at ` +
              `most: current value is ${difference}`,
          );
        }
      }
      return "The plain loop computes the same advantages, bit by bit";
    },
  };
}

function plainHicra(advantages: Float32Array, mask: Uint8Array, alpha: number): Float32Array {
  const credited = new Float32Array(advantages.length);
  for (let t = 0; t < credited.length; t++) {
    credited[t] = advantages[t]! + alpha * Math.abs(advantages[t]!) * mask[t]!;
  }
  return credited;
}

function mustEqual(ours: Float32Array, plain: Float32Array): void {
  const t = ours.findIndex((value, t) => value !== plain[t]);
  if (t === -1) return;
  throw new Error(
    `Cannot time HICRA as token ${t} must be ${plain[t]}: current value is ${ours[t]}`,
  );
}

/** Arrays one after the other. */
function joined<A extends Float32Array | Uint8Array>(arrays: readonly A[]): A {
  const length = arrays.reduce((sum, array) => sum + array.length, 0);
  const all = new (arrays[0]!.constructor as new (length: number) => A)(length);
  let start = 0;
  for (const array of arrays) {
    all.set(array, start);
    start += array.length;
  }
  return all;
}
