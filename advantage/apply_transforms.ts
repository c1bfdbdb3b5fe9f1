import { checkMeasured, InputRangeError, InputTypeError } from "../batch/mod.ts";
import { checkClock } from "./check_clock.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";

/**
 * Runs transforms in order, each on the result of the one before, and checks what they return.
 *
 * The result is freshly allocated, also when no transform changes a thing. When a transform returns a
 * new planning mask without kinds, the kinds become unknown, as the old ones belong to the old mask.
 *
 * @example Usage
 * ```ts
 * import { applyTransforms, hicra } from "@hicra/hicra/advantage";
 * import { checkBatch } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const batch = checkBatch({ offsets: Int32Array.of(0, 2), lossMask: Uint8Array.of(1, 1) });
 * const credit = applyTransforms(
 *   [hicra({ alpha: 0.25 })],
 *   { advantages: Float32Array.of(-1, -1), planningMask: Uint8Array.of(0, 1) },
 *   { batch },
 * );
 * assert.deepEqual(credit.advantages, Float32Array.of(-1, -0.75));
 * ```
 *
 * @param transforms The transforms, in the order in which they act.
 * @param credit Token advantages and the planning mask to start from, `[tokens]` each.
 * @param context The batch and what else is known of it.
 * @returns Advantages and mask after the last transform.
 * @throws {TypeError} If a transform needs a field of the batch, the training step or a signal that
 * is not given (before any transform runs), or a result is no object of known fields or has another
 * type than the contract says.
 * @throws {RangeError} If a signal that is needed is not finite, or a logprob or an entropy that a
 * transform needs (before any transform runs); if a transform stands twice in the list, or a result has the wrong length, a
 * value that is not finite where `lossMask` is 1, or a mask that is not 0 or 1, or the mask is replaced
 * after the last transform that changes advantages.
 */
export function applyTransforms(
  transforms: readonly Transform[],
  credit: Credit,
  context: TransformContext,
): Credit {
  checkChain(transforms, context);
  checkCredit("the credit to start from", credit, context);
  let current: Credit = {
    ...credit,
    advantages: credit.advantages.slice(),
    planningMask: credit.planningMask.slice(),
    ...(credit.kinds && { kinds: credit.kinds.slice() }),
  };
  let credited: string | undefined;
  let unused: string | undefined;
  for (const transform of transforms) {
    const changes = transform.apply(current, context);
    checkFields(transform.name, changes);
    checkCredit(`the result of transform "${transform.name}"`, changes, context);
    const { kinds: _, ...rest } = current;
    const keepsKinds = changes.planningMask === undefined && current.kinds !== undefined;
    current = { ...rest, ...(keepsKinds && { kinds: current.kinds }), ...changes };
    if (changes.advantages !== undefined) {
      credited = transform.name;
      unused = undefined;
    } else if (changes.planningMask !== undefined) unused = transform.name;
  }
  if (credited !== undefined && unused !== undefined) throw wrongOrder(unused, credited);
  return current;
}

/** A placebo would be measured by a mask that got no credit, and real HICRA trained under its name. */
function wrongOrder(mask: string, credited: string): InputRangeError {
  return new InputRangeError(
    `Cannot apply transforms as "${mask}" replaces the planning mask and no transform after it credits ` +
      `that mask: put it before "${credited}"`,
  );
}

/** A step of credit assignment must not compound, and must find what it needs before any runs. */
function checkChain(transforms: readonly Transform[], context: TransformContext): void {
  const { batch } = context;
  const names = new Set<string>();
  for (const { name, needs } of transforms) {
    if (names.has(name)) {
      throw new InputRangeError(
        `Cannot apply transforms as each may act once on a batch: "${name}" stands twice`,
      );
    }
    names.add(name);
    for (const field of needs) {
      if (batch[field] === undefined) {
        throw new InputTypeError(
          `Cannot apply transform "${name}" as it needs batch.${field}: current value is undefined, ` +
            `have the training loop pass it or leave the transform out`,
        );
      }
      if (field === "oldLogprobs" || field === "entropies") {
        checkMeasured(`apply transform "${name}"`, field, batch);
      }
    }
  }
  checkClock(transforms, context);
}

const CREDIT_FIELDS = ["advantages", "planningMask", "kinds", "entropyCoefficient"];

/** A misspelled field would be a transform that silently does nothing. */
function checkFields(name: string, changes: unknown): void {
  if (typeof changes !== "object" || changes === null) {
    throw new InputTypeError(
      `Cannot use the result of transform "${name}" as it must be an object of the fields that ` +
        `change, such as { advantages }: current value is ${changes}`,
    );
  }
  const unknown = Object.keys(changes).find((field) => !CREDIT_FIELDS.includes(field));
  if (unknown !== undefined) {
    throw new InputTypeError(
      `Cannot use the result of transform "${name}" as its fields must be among ` +
        `${CREDIT_FIELDS.join(", ")}: it has "${unknown}"`,
    );
  }
}

function checkCredit(what: string, credit: Partial<Credit>, { batch }: TransformContext): void {
  const { advantages, planningMask, kinds, entropyCoefficient } = credit;
  if (advantages !== undefined) {
    checkArray(what, "advantages", advantages, Float32Array, batch.numTokens);
    for (let i = 0; i < advantages.length; i++) {
      if (!Number.isFinite(advantages[i]) && batch.lossMask[i] === 1) {
        throw new InputRangeError(
          `Cannot use ${what} as advantages must be finite where lossMask is 1: ` +
            `advantages[${i}] is ${advantages[i]}`,
        );
      }
    }
  }
  if (planningMask !== undefined) {
    checkArray(what, "planningMask", planningMask, Uint8Array, batch.numTokens);
    for (let i = 0; i < planningMask.length; i++) {
      if (planningMask[i]! > 1) {
        throw new InputRangeError(
          `Cannot use ${what} as a mask holds only 0 and 1: planningMask[${i}] is ${
            planningMask[i]
          }`,
        );
      }
    }
  }
  if (kinds !== undefined) checkArray(what, "kinds", kinds, Uint8Array, batch.numTokens);
  if (entropyCoefficient !== undefined && !Number.isFinite(entropyCoefficient)) {
    throw new InputRangeError(
      `Cannot use ${what} as entropyCoefficient must be finite: ` +
        `current value is ${entropyCoefficient}`,
    );
  }
}

function checkArray(
  what: string,
  field: string,
  values: unknown,
  type: typeof Float32Array | typeof Uint8Array,
  length: number,
): void {
  if (!(values instanceof type)) {
    throw new InputTypeError(
      `Cannot use ${what} as ${field} must be a ${type.name}: current value is ` +
        `${(values as object | null)?.constructor?.name ?? values}`,
    );
  }
  if (values.length !== length) {
    throw new InputRangeError(
      `Cannot use ${what} as ${field} must hold one value per token, ${length}: ` +
        `current length is ${values.length}`,
    );
  }
}
