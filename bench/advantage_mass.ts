import { createTransform } from "../advantage/mod.ts";
import { creditChains } from "./chains.ts";
import { count, decimal, percent, signed } from "./format.ts";
import { credited, creditedBatches, type Sample } from "./sample.ts";
import { withStandIns } from "./stand_in.ts";
import type { Table } from "./table.ts";

/** What one chain of transforms does to the advantages of all corpora together. */
export interface AdvantageMass {
  readonly chain: string;
  /** Some of what it needs was not recorded and is a stand-in, see `withStandIns`. */
  readonly standIn: boolean;
  /** Share of the trained tokens that the last transform acted on. */
  readonly marked: number;
  /** Share of these that are in a gram. */
  readonly hits: number;
  readonly planning: ClassMass;
  readonly execution: ClassMass;
}

/** Sums over the trained tokens in a gram, or over all others, whatever the chain marks. */
export interface ClassMass {
  /** Sum of |A| before the transforms. */
  readonly before: number;
  readonly after: number;
  /** After over before, where the advantage was positive before; NaN where none was. */
  readonly positiveFactor: number;
  readonly negativeFactor: number;
  /** Sum of A' - A. */
  readonly shift: number;
}

/** Applies every chain; none where no corpus has rewards or advantages. */
export function advantageMasses(sample: Sample): AdvantageMass[] {
  const recorded = creditedBatches(sample);
  if (recorded.length === 0) return [];
  const batches = withStandIns(recorded);
  const marks = batches.map((batch) => sample.matcher.match(batch));
  return creditChains(sample.alpha).map(({ name, transforms: configs }) => {
    const transforms = configs.map(createTransform);
    const needs = new Set(transforms.flatMap(({ needs }) => needs));
    // By class: negative and positive before, the same after, the shift.
    const [execution, planning] = [new Float64Array(5), new Float64Array(5)];
    let [tokens, marked, hits] = [0, 0, 0];
    for (const [b, batch] of batches.entries()) {
      const { planningMask } = marks[b]!;
      const credit = credited(batch, marks[b]!, transforms);
      for (let t = 0; t < batch.numTokens; t++) {
        if (batch.lossMask[t] === 0) continue;
        const isPlanning = planningMask[t]!;
        tokens++;
        marked += credit.planningMask[t]!;
        hits += credit.planningMask[t]! & isPlanning;
        const [before, after] = [batch.advantages[t]!, credit.advantages[t]!];
        const sums = isPlanning ? planning : execution;
        sums[Number(before > 0)]! += Math.abs(before);
        sums[2 + Number(before > 0)]! += Math.abs(after);
        sums[4]! += after - before;
      }
    }
    return {
      chain: name,
      standIn: recorded.some(({ entropies, oldLogprobs }) =>
        (needs.has("entropies") && !entropies) || (needs.has("oldLogprobs") && !oldLogprobs)
      ),
      marked: marked / tokens,
      hits: hits / marked,
      planning: massOf(planning),
      execution: massOf(execution),
    };
  });
}

function massOf(
  [negative, positive, negativeAfter, positiveAfter, shift]: Float64Array,
): ClassMass {
  return {
    before: negative! + positive!,
    after: negativeAfter! + positiveAfter!,
    positiveFactor: positiveAfter! / positive!,
    negativeFactor: negativeAfter! / negative!,
    shift: shift!,
  };
}

/** The table of them. */
export function massTable(
  masses: readonly AdvantageMass[],
  { baseline, alpha }: Pick<Sample, "baseline" | "alpha">,
): Table {
  const [{ planning, execution }] = masses as [AdvantageMass];
  const whole = planning.before + execution.before;
  return {
    title: "What transforms do to the advantages",
    note:
      `Baseline ${baseline}, alpha ${alpha}, all corpora together. Mass is the sum of |A|: before, ` +
      `it is ${count(planning.before)} on planning tokens and ${count(execution.before)} on all ` +
      "others. Factors are after over before, for advantages that were positive (A>0) and negative " +
      "(A<0). Shift is the sum of A' - A in percent of the whole mass. Hits: share of the marked " +
      "tokens that are in a gram. * runs on a stand-in for entropies that were not recorded, the " +
      "surprisal of each token by its frequency: it says nothing of any policy.",
    columns: [
      "chain",
      "marked",
      "hits",
      ...["planning", "execution"].flatMap((of) => [`${of} A>0`, "A<0", "shift"]),
    ],
    rows: masses.map(({ chain, standIn, marked, hits, ...masses }) => [
      chain + (standIn ? " *" : ""),
      percent(marked),
      percent(hits, 0),
      ...[masses.planning, masses.execution].flatMap((mass) => [
        decimal(mass.positiveFactor, 3),
        decimal(mass.negativeFactor, 3),
        `${signed(100 * mass.shift / whole)} %`,
      ]),
    ]),
  };
}
