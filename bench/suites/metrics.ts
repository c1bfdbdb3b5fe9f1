import { emptyMetrics, measure, mergeMetrics, metricValues } from "../../metrics/mod.ts";
import type { Sample } from "../sample.ts";
import type { Suite } from "../suite.ts";

/** All metrics of a step, beside two of them counted by hand. */
export function metricsSuite({ batches, matcher }: Sample): Suite {
  const marked = batches.map((batch) => ({ batch, ...matcher.match(batch) }));
  const measureAll = () =>
    marked.map(({ batch, ...planning }) =>
      measure(batch, planning, batch.advantages && { after: batch.advantages as Float32Array })
    );
  const sums = measureAll();
  const merged = () => sums.reduce(mergeMetrics, emptyMetrics());
  const counted = (): number => {
    let [planning, trained] = [0, 0];
    for (const { batch: { lossMask }, planningMask } of marked) {
      for (let t = 0; t < lossMask.length; t++) {
        trained += lossMask[t]!;
        planning += lossMask[t]! & planningMask[t]!;
      }
    }
    return planning / trained;
  };
  return {
    name: "Metrics",
    note: "One core, each file a batch.",
    tokens: batches.reduce((sum, { numTokens }) => sum + numTokens, 0),
    contestants: [
      { name: "measure", what: "every metric, as exact sums", run: () => measureAll().length },
      {
        name: "measure, mask alone",
        what: "the same without kinds, spans and advantages after",
        run: () => marked.map(({ batch, planningMask }) => measure(batch, { planningMask })).length,
      },
      { name: "plain loop", what: "the planning share alone", run: counted },
      { name: "mergeMetrics", what: "sums of all batches to one", run: () => numOf(merged()) },
      { name: "metricValues", what: "sums to figures", run: () => numOf(metricValues(sums[0]!)) },
    ],
    check() {
      const { "hicra/planning_frac": share } = metricValues(merged());
      if (share !== counted()) {
        throw new Error(
          `Cannot time metrics as the planning share must be ${counted()}: it is ${share}`,
        );
      }
      return "The plain loop counts the same planning share";
    },
  };
}

function numOf(figures: object): number {
  return Object.keys(figures).length;
}
