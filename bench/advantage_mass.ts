import { applyTransforms, type BaselinePreset, builtinTransforms } from "../advantage/mod.ts";
import type { CheckedBatch } from "../batch/mod.ts";
import { emptyMetrics, measure, mergeMetrics, metricPairs } from "../metrics/mod.ts";
import { type Lexicon, type PlanningTokens, SgMatcher, type TokenBytes } from "../sg/mod.ts";
import { type CreditChain, creditChains } from "./credit_chains.ts";
import { withHostAdvantages } from "./host_advantages.ts";
import { withStandIns } from "./stand_in.ts";

/** What one chain of transforms does to the advantages of all corpora together. */
export interface AdvantageMass {
  readonly chain: string;
  readonly group: CreditChain["group"];
  /** Some of what it needs was not recorded and is a stand-in, see `withStandIns`. */
  readonly standIn: boolean;
  /** Trained tokens. */
  readonly tokens: number;
  /** Trained tokens in the mask that the last transform acted on. */
  readonly marked: number;
  /** Those of them that are in a gram of the lexicon. */
  readonly markedPlanning: number;
  /** Sum of |A| on tokens in a gram of the lexicon, whatever the chain marks. */
  readonly planning: ClassMass;
  /** Sum of |A| on all other trained tokens. */
  readonly execution: ClassMass;
  /** Sum of A' - A over planning tokens, and over the others. */
  readonly shift: { readonly planning: number; readonly execution: number };
  /** Tokens whose advantage turned from one sign to the other. */
  readonly signChanges: number;
  /** Weight of an entropy bonus that the chain asks the loop for. */
  readonly entropyCoefficient: number | null;
}

/** Sums of |A| over one class of tokens. */
export interface ClassMass {
  readonly before: number;
  readonly after: number;
  /** After over before, on the tokens whose advantage was positive before; NaN where none was. */
  readonly positiveFactor: number;
  /** The same for negative ones. */
  readonly negativeFactor: number;
}

/**
 * Applies every mode of HICRA and every control to the corpora and sums the advantages before and
 * after, on planning and on execution tokens.
 *
 * @param batches The corpora under one tokenizer.
 * @param lexicons The lexicon that says which tokens are planning, and its placebo, if there is one.
 * @param options Baseline preset and alpha.
 * @returns A figure per chain; none where no corpus has rewards or advantages.
 */
export function advantageMasses(
  batches: readonly CheckedBatch[],
  table: TokenBytes,
  lexicons: { readonly lexicon: Lexicon; readonly placebo: Lexicon | null },
  options: { readonly preset: BaselinePreset; readonly alpha: number },
): AdvantageMass[] {
  const recorded = batches
    .map((batch) => withHostAdvantages(batch, options.preset))
    .filter((batch) => batch !== null);
  if (recorded.length === 0) return [];
  const filled = withStandIns(recorded) as typeof recorded;
  const matcher = SgMatcher.compile(lexicons.lexicon, table);
  const planning = filled.map((batch) => matcher.match(batch));
  const placeboMatcher = lexicons.placebo && SgMatcher.compile(lexicons.placebo, table);
  const placebo = placeboMatcher && filled.map((batch) => placeboMatcher.match(batch));
  return creditChains(options.alpha)
    .filter(({ placeboMask }) => !placeboMask || placebo !== null)
    .map((chain) => massOfChain(chain, recorded, filled, planning, placebo));
}

function massOfChain(
  chain: CreditChain,
  recorded: readonly CheckedBatch[],
  filled: readonly (CheckedBatch & { readonly advantages: Float32Array })[],
  planning: readonly PlanningTokens[],
  placebo: readonly PlanningTokens[] | null,
): AdvantageMass {
  const transforms = chain.transforms.map((config) => builtinTransforms().create(config));
  let metrics = emptyMetrics();
  let tokens = 0;
  let marked = 0;
  let markedPlanning = 0;
  let signChanges = 0;
  let entropyCoefficient: number | null = null;
  const signed = { before: new Float64Array(4), after: new Float64Array(4) };
  filled.forEach((batch, c) => {
    const { planningMask } = planning[c]!;
    const { spans, ...start } = chain.placeboMask ? placebo![c]! : planning[c]!;
    const credit = applyTransforms(
      transforms,
      { ...start, advantages: batch.advantages },
      { batch, ...(spans && { spans }), step: 0, signals: {} },
    );
    const after = credit.advantages;
    metrics = mergeMetrics(metrics, measure(batch, { planningMask }, { after }));
    entropyCoefficient = credit.entropyCoefficient ?? entropyCoefficient;
    for (let i = 0; i < batch.numTokens; i++) {
      if (batch.lossMask[i] === 0) continue;
      tokens++;
      marked += credit.planningMask[i]!;
      markedPlanning += credit.planningMask[i]! & planningMask[i]!;
      if (batch.advantages[i]! * after[i]! < 0) signChanges++;
      const part = 2 * planningMask[i]! + Number(batch.advantages[i]! > 0);
      signed.before[part]! += Math.abs(batch.advantages[i]!);
      signed.after[part]! += Math.abs(after[i]!);
    }
  });
  const pairs = metricPairs(metrics, { prefix: "" });
  const needs = new Set(transforms.flatMap(({ needs }) => needs));
  return {
    chain: chain.name,
    group: chain.group,
    standIn: recorded.some(({ entropies, oldLogprobs }) =>
      (needs.has("entropies") && !entropies) || (needs.has("oldLogprobs") && !oldLogprobs)
    ),
    tokens,
    marked,
    markedPlanning,
    planning: {
      before: pairs.adv_abs_plan!.sum,
      after: pairs.adv_abs_plan_after!.sum,
      positiveFactor: signed.after[3]! / signed.before[3]!,
      negativeFactor: signed.after[2]! / signed.before[2]!,
    },
    execution: {
      before: pairs.adv_abs_exec!.sum,
      after: pairs.adv_abs_exec_after!.sum,
      positiveFactor: signed.after[1]! / signed.before[1]!,
      negativeFactor: signed.after[0]! / signed.before[0]!,
    },
    shift: { planning: pairs.adv_shift_plan!.sum, execution: pairs.adv_shift_exec!.sum },
    signChanges,
    entropyCoefficient,
  };
}
