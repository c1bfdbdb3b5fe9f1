import { checkOptions, strictOptions } from "../batch/internal.ts";
import { scheduleSchema } from "./_schedule_schema.ts";
import { type Schedule, scheduleNeeds, scheduleValue } from "./schedule.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** Options of {@linkcode entropyRegularization}. */
export interface EntropyRegularizationOptions {
  /** Weight of the entropy bonus, at least 0, or a schedule of it; there is no default. */
  readonly coefficient: Schedule;
}

const schema = strictOptions({ coefficient: scheduleSchema({ min: 0 }) });

/**
 * Creates the transform that asks the training loop for an entropy bonus: the HICRA paper's
 * entropy-regularization baseline.
 *
 * Entropy depends on the policy that is being trained, so no advantage can stand for its gradient. The
 * transform leaves advantages and mask alone and returns `entropyCoefficient`, which the loop puts into
 * its loss, aggregated over the trained tokens as its policy loss is:
 *
 * `loss = policyLoss - entropyCoefficient * mean_t H(pi(. | x_<t))`
 *
 * Hosts call the number `entropy_coeff` (verl), `entropy_coef` or `ent_coef`. The paper does not
 * state its coefficient. A loop that ignores the number trains plain GRPO.
 *
 * @see {@link https://arxiv.org/abs/2509.03646 | HICRA, table 1}, row "Entropy Reg.".
 *
 * @example Usage
 * ```ts
 * import { applyTransforms, entropyRegularization } from "@hicra/hicra/advantage";
 * import { checkBatch } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const batch = checkBatch({ offsets: Int32Array.of(0), lossMask: new Uint8Array() });
 * const credit = applyTransforms(
 *   [entropyRegularization({ coefficient: { type: "linear", from: 0.01, to: 0, steps: 100 } })],
 *   { advantages: new Float32Array(), planningMask: new Uint8Array() },
 *   { batch, step: 50 },
 * );
 * assert.equal(credit.entropyCoefficient, 0.005);
 * ```
 *
 * @param options The coefficient.
 * @returns The transform `"entropy-regularization"`.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If the coefficient is missing, or an option is unknown or of the wrong type.
 */
export function entropyRegularization(options: EntropyRegularizationOptions): Transform {
  const name = "entropy-regularization";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { coefficient } = checked;
  return {
    name,
    options: { ...checked },
    needs: [],
    clock: scheduleNeeds("coefficient", coefficient),
    apply(_credit: Credit, context: TransformContext): Partial<Credit> {
      return { entropyCoefficient: scheduleValue(coefficient, context) };
    },
  };
}

/** {@linkcode entropyRegularization} as an entry of a {@linkcode TransformRegistry}. */
export const entropyRegularizationDefinition: TransformDefinition<EntropyRegularizationOptions> = {
  summary: "Control: the weight of an entropy bonus for the loop's loss",
  source: "https://arxiv.org/abs/2509.03646",
  schema,
  create: entropyRegularization,
};
