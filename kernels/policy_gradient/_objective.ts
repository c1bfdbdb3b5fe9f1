import { InputRangeError, InputTypeError } from "../../batch/mod.ts";
import { checkType } from "../_check_type.ts";
import { checkPerToken, checkSettings, type LogitSettings } from "../logits/_check_logits.ts";
import type { PolicyGradientOptions } from "./options.ts";

/** What every error of the policy gradient says cannot be done. */
export const ACTION = "compute the policy gradient";

/** Log-ratios are cut here, as in verl, so that no exponential overflows. */
export const LOG_RATIO_LIMIT = 20;

/** The settings of the objective, with defaults filled in. */
export interface Objective extends LogitSettings {
  readonly clipLow: number;
  readonly clipHigh: number;
  readonly dualClip: number;
  readonly entropyBonus: number;
  readonly klPenalty: number;
}

/** What each token brings to the objective, beside its logits. */
export interface TokenTerms {
  /** `[tokens]`: log-probabilities when the rollout was sampled, or at the start of the update. */
  readonly oldLogprobs: Float32Array;
  /** `[tokens]`: the host's advantages, HICRA's included. */
  readonly advantages: Float32Array;
  /** `[tokens]`: weight of each token in the loss, at least 0. Tokens with 0 are not read. */
  readonly weights: Float32Array;
  /** `[tokens]`: log-probabilities of the reference policy, for a `klPenalty`. */
  readonly refLogprobs?: Float32Array | undefined;
}

/** Fills in the defaults and checks the settings. */
export function objectiveOf(options: PolicyGradientOptions): Objective {
  const {
    vocabSize,
    dtype = "f32",
    temperature = 1,
    clipLow = 0.2,
    clipHigh = 0.2,
    dualClip = Infinity,
    entropyBonus = 0,
    klPenalty = 0,
  } = options;
  const objective = {
    vocabSize,
    dtype,
    temperature,
    clipLow,
    clipHigh,
    dualClip,
    entropyBonus,
    klPenalty,
  };
  checkSettings(ACTION, objective);
  const rules: [name: keyof Objective, holds: boolean, rule: string][] = [
    ["clipLow", clipLow >= 0 && clipLow <= 1, "a number from 0 to 1"],
    ["clipHigh", clipHigh >= 0 && Number.isFinite(clipHigh), "a number of at least 0"],
    ["dualClip", dualClip > 1, "above 1, or left out"],
    ["entropyBonus", Number.isFinite(entropyBonus), "a finite number"],
    ["klPenalty", Number.isFinite(klPenalty), "a finite number"],
  ];
  for (const [name, holds, rule] of rules) {
    if (!holds) {
      throw new InputRangeError(
        `Cannot ${ACTION} as ${name} must be ${rule}: current value is ${objective[name]}`,
      );
    }
  }
  return objective;
}

/** Checks lengths, and that every value of a token that counts is finite. */
export function checkTerms(
  { tokenIds, oldLogprobs, advantages, weights, refLogprobs }: TokenTerms & {
    readonly tokenIds: Int32Array;
  },
  { klPenalty }: Objective,
): void {
  const numTokens = tokenIds.length;
  if (klPenalty !== 0 && refLogprobs === undefined) {
    throw new InputTypeError(
      `Cannot ${ACTION} as a klPenalty of ${klPenalty} needs refLogprobs: current value is undefined`,
    );
  }
  const fields = {
    oldLogprobs,
    advantages,
    weights,
    ...refLogprobs === undefined ? {} : { refLogprobs },
  };
  for (const [name, values] of Object.entries(fields)) {
    checkType(ACTION, name, values, Float32Array);
    checkPerToken(ACTION, name, values, numTokens);
  }
  for (let t = 0; t < numTokens; t++) {
    const weight = weights[t]!;
    if (!(weight >= 0 && Number.isFinite(weight))) {
      throw new InputRangeError(
        `Cannot ${ACTION} as weights must be finite and at least 0: weights[${t}] is ${weight}`,
      );
    }
    if (weight === 0 || tokenIds[t]! < 0) continue;
    for (const [name, values] of Object.entries(fields)) {
      if (!Number.isFinite(values[t])) {
        throw new InputRangeError(
          `Cannot ${ACTION} as ${name} must be finite: ${name}[${t}] is ${values[t]}, or set ` +
            `weights[${t}] to 0 to leave the token out`,
        );
      }
    }
  }
}
