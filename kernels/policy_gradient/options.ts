import type { LogitDtype } from "../logit_dtype.ts";

/** Options of `policyGradient` and its twins: what a training run fixes. */
export interface PolicyGradientOptions {
  /** Entries of the vocabulary: logits of one token. */
  readonly vocabSize: number;
  /** Element type of logits and gradients; `"f32"` when left out. */
  readonly dtype?: LogitDtype;
  /** What logits are divided by before the softmax; 1 when left out. */
  readonly temperature?: number;
  /** The ratio is clipped below at `1 - clipLow`; 0.2 when left out. */
  readonly clipLow?: number;
  /** The ratio is clipped above at `1 + clipHigh`; 0.2 when left out ("clip-higher" of DAPO: 0.28). */
  readonly clipHigh?: number;
  /** Where the advantage is negative the ratio is clipped above here (dual clip); never when left out. */
  readonly dualClip?: number;
  /** Coefficient of the entropy in the objective; 0 when left out. */
  readonly entropyBonus?: number;
  /** Coefficient of the k3 estimate of KL(policy, reference) in the loss; 0 when left out. */
  readonly klPenalty?: number;
}
