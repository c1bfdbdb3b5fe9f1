import { InputRangeError } from "../batch/mod.ts";

/** One step of a training run, as {@linkcode stages} reads it. */
export interface StagePoint {
  /** Training step. */
  readonly step: number;
  /** Perplexity of the execution tokens, absolute or relative; above 0. */
  readonly executionPerplexity: number;
  /** Semantic entropy, absolute or relative, always the same estimate; 0 or above. */
  readonly semanticEntropy: number;
}

/** Options of {@linkcode stages}. */
export interface StagesOptions {
  /** Share of its first value that execution perplexity must lose to count. @default {0.05} */
  readonly leastFall?: number;
  /** Share of its first value that semantic entropy must gain to count. @default {0.05} */
  readonly leastRise?: number;
}

/** Where the two stages lie in a run. */
export interface Stages {
  /** Whether execution perplexity fell enough and, if so, whether it has leveled off. */
  readonly consolidation: "absent" | "ongoing" | "ended";
  /** Step where it leveled off; `null` unless `consolidation` is `"ended"`. */
  readonly consolidationEnd: number | null;
  /** Fitted change of execution perplexity until it is flat, as a share of its first value. */
  readonly executionChange: number;
  /** Step from which semantic entropy rises enough; `null` when it does not, or not yet. */
  readonly explorationStart: number | null;
  /** Fitted change of semantic entropy from there on, as a share of its first value; `null` if not fitted. */
  readonly entropyChange: number | null;
}

/**
 * Says where procedural consolidation ends and strategic exploration begins in a run.
 *
 * The rule is ours; **the paper gives none** (section 2.2 reads the stages off its plots), and its own
 * figures dispute the contrast: perplexity falls more on planning than on execution tokens in 5 of 6
 * models. Use it to compare runs, not as evidence that stages exist.
 *
 * 1. Fit execution perplexity by least squares with a line that becomes flat at a step tau,
 *    `a + b min(t, tau)`. A fitted fall below `leastFall` times the first value means consolidation
 *    is absent, a best tau at the last step that it is ongoing; else it ended at tau.
 * 2. From tau on (from the first step if absent) fit semantic entropy with a flat line that rises from
 *    a step sigma, `a + b max(t - sigma, 0)`. Exploration starts at sigma if the fitted rise up to
 *    the last step is at least `leastRise` times the value at the first step of the run. Fewer than
 *    three steps are not fitted.
 *
 * @example Usage
 * ```ts
 * import { stages } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const perplexity = [2, 1.5, 1, 1, 1, 1, 1];
 * const entropy = [4, 4, 4, 4, 5, 6, 7];
 * const found = stages(
 *   perplexity.map((p, step) => ({ step, executionPerplexity: p, semanticEntropy: entropy[step]! })),
 * );
 * assert.equal(found.consolidationEnd, 2);
 * assert.equal(found.explorationStart, 3);
 * ```
 *
 * @param series The steps, ascending, at least three.
 * @param options What change counts.
 * @returns The stages with the fitted changes behind them.
 * @throws {RangeError} If there are fewer than three steps, steps do not ascend, or a value is out of
 * range.
 */
export function stages(series: readonly StagePoint[], options: StagesOptions = {}): Stages {
  const { leastFall = 0.05, leastRise = 0.05 } = options;
  checkSeries(series);
  const steps = series.map((point) => point.step);
  const last = series.length - 1;

  const fall = bestFit(
    steps.slice(1).map((tau) => steps.map((step) => Math.min(step, tau) - steps[0]!)),
    series.map((point) => point.executionPerplexity),
  );
  const tau = fall.index + 1;
  const executionChange = fall.slope * (steps[tau]! - steps[0]!) / series[0]!.executionPerplexity;
  const absent = executionChange > -leastFall;
  const consolidation = absent ? "absent" : tau === last ? "ongoing" : "ended";
  const consolidationEnd = consolidation === "ended" ? steps[tau]! : null;

  const from = absent ? 0 : tau;
  const rest = steps.slice(from);
  if (rest.length < 3) {
    return {
      consolidation,
      consolidationEnd,
      executionChange,
      explorationStart: null,
      entropyChange: null,
    };
  }
  const rise = bestFit(
    rest.slice(0, -1).map((sigma) => rest.map((step) => Math.max(step - sigma, 0))),
    series.slice(from).map((point) => point.semanticEntropy),
  );
  const sigma = rest[rise.index]!;
  const firstEntropy = series[0]!.semanticEntropy;
  const gain = rise.slope * (steps[last]! - sigma);
  return {
    consolidation,
    consolidationEnd,
    executionChange,
    explorationStart: gain > 0 && gain >= leastRise * firstEntropy ? sigma : null,
    entropyChange: firstEntropy === 0 ? null : gain / firstEntropy,
  };
}

interface Fit {
  /** Which regressor fits best. */
  readonly index: number;
  readonly slope: number;
}

/** Slope of the least-squares line `level + slope z` over the regressor z that leaves the least error. */
function bestFit(regressors: readonly (readonly number[])[], values: readonly number[]): Fit {
  let best: Fit = { index: 0, slope: 0 };
  let leastError = Infinity;
  for (const [index, z] of regressors.entries()) {
    const meanZ = meanOf(z);
    const meanY = meanOf(values);
    let covariance = 0;
    let variance = 0;
    for (let i = 0; i < z.length; i++) {
      covariance += (z[i]! - meanZ) * (values[i]! - meanY);
      variance += (z[i]! - meanZ) ** 2;
    }
    const slope = covariance / variance;
    const level = meanY - slope * meanZ;
    const error = values.reduce((sum, y, i) => sum + (y - level - slope * z[i]!) ** 2, 0);
    if (error < leastError) {
      best = { index, slope };
      leastError = error;
    }
  }
  return best;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function checkSeries(series: readonly StagePoint[]): void {
  if (series.length < 3) {
    throw new InputRangeError(
      `Cannot find stages as a change point needs at least 3 steps: current number is ${series.length}`,
    );
  }
  for (const [i, { step, executionPerplexity, semanticEntropy }] of series.entries()) {
    if (!Number.isFinite(step) || (i > 0 && step <= series[i - 1]!.step)) {
      throw new InputRangeError(
        `Cannot find stages as steps must be finite and ascend: series[${i}].step is ${step}`,
      );
    }
    if (!(executionPerplexity > 0 && executionPerplexity < Infinity)) {
      throw new InputRangeError(
        `Cannot find stages as a perplexity must be finite and above 0: ` +
          `series[${i}].executionPerplexity is ${executionPerplexity}`,
      );
    }
    if (!(semanticEntropy >= 0 && semanticEntropy < Infinity)) {
      throw new InputRangeError(
        `Cannot find stages as an entropy must be finite and not negative: ` +
          `series[${i}].semanticEntropy is ${semanticEntropy}`,
      );
    }
  }
}
