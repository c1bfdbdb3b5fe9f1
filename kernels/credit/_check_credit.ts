import { checkBatch, checkMeasured, InputRangeError, InputTypeError } from "../../batch/mod.ts";
import { checkGroups, groupIndexes, needsGroup } from "../../advantage/internal.ts";
import { groupBaseline } from "../../advantage/mod.ts";
import type { Credit } from "./_resolve_credit.ts";
import type { CreditBatch } from "./options.ts";

const ACTION = "credit tokens";

/** Number of kind codes: 0 for execution tokens, 1 to 4 for planning tokens. */
const NUM_KINDS = 5;

const OF_FROM = {
  rewards: ["rewards", "groupIds", "offsets"],
  sequences: ["advantages", "offsets"],
  tokens: ["advantages"],
} as const;

const MODES_OF_HICRA: ReadonlySet<string> = new Set(["mass-preserving", "baseline-corrected"]);

/** Checks a batch before any work; fields that are not needed are not looked at. */
export function checkCredit(batch: CreditBatch, credit: Credit): void {
  const { needs, from, formula, baseline } = credit;
  for (const field of needs) {
    if (batch[field] !== undefined) continue;
    const isAskedByFrom = OF_FROM[from].some((asked) => asked === field);
    const name = MODES_OF_HICRA.has(formula) ? "hicra" : formula;
    throw new InputTypeError(
      `Cannot credit tokens as ${isAskedByFrom ? `from "${from}"` : `transform "${name}"`} needs ` +
        `batch.${field}: current value is undefined`,
    );
  }
  const { offsets, lossMask, kinds, rewards, groupIds, include, advantages } = batch;
  const { entropies, oldLogprobs } = batch;
  checkBatch({
    offsets,
    lossMask,
    ...(needs.includes("groupIds") && { groupIds: groupIds! }),
    ...(needs.includes("rewards") && { rewards: rewards! }),
    ...(needs.includes("entropies") && { entropies: entropies! }),
    ...(needs.includes("oldLogprobs") && { oldLogprobs: oldLogprobs! }),
    ...(needs.includes("advantages") && {
      advantages: advantages!,
      advantagesPer: from === "tokens" ? "token" : "sequence",
    }),
  });
  for (const field of ["entropies", "oldLogprobs"] as const) {
    if (needs.includes(field)) checkMeasured(ACTION, field, batch);
  }
  if (needs.includes("kinds")) checkKinds(kinds!, lossMask.length);
  if (from === "rewards") {
    checkGroups(ACTION, rewards!, groupIds!, include);
    // The CPU finds a group of one, which the device would pass over.
    if (baseline.singleton === "error" && needsGroup(baseline)) {
      groupBaseline(rewards!, groupIds!, { ...baseline, ...(include && { include }) });
    }
  }
  if (formula === "baseline-corrected") groupIndexes(ACTION, groupIds!, offsets, lossMask);
}

function checkKinds(kinds: Uint8Array, numTokens: number): void {
  checkArray("kinds", kinds, numTokens);
  for (let t = 0; t < kinds.length; t++) {
    if (kinds[t]! >= NUM_KINDS) {
      throw new InputRangeError(
        `Cannot credit tokens as kinds are 0 to 4: kinds[${t}] is ${kinds[t]}`,
      );
    }
  }
}

function checkArray(name: string, value: unknown, length: number): void {
  if (!(value instanceof Uint8Array)) {
    const current = (value as object | null)?.constructor?.name ?? String(value);
    throw new InputTypeError(
      `Cannot credit tokens as ${name} must be a Uint8Array: current value is ${current}`,
    );
  }
  if (value.length !== length) {
    throw new InputRangeError(
      `Cannot credit tokens as ${name} must hold ${length} values: current length is ${value.length}`,
    );
  }
}
