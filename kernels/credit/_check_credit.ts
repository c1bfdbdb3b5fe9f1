import { checkBatch, checkMeasured, InputRangeError, InputTypeError } from "../../batch/mod.ts";
import { type Credit, needsGroup } from "./_resolve_credit.ts";
import type { CreditBatch } from "./options.ts";

/** Number of kind codes: 0 for execution tokens, 1 to 4 for planning tokens. */
const NUM_KINDS = 5;

const OF_FROM = {
  rewards: ["rewards", "groupIds", "offsets"],
  sequences: ["advantages", "offsets"],
  tokens: ["advantages"],
} as const;

const MODES_OF_HICRA: ReadonlySet<string> = new Set(["mass-preserving", "baseline-corrected"]);

/** Checks what both backends take, before any work; fields that are not needed are not looked at. */
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
    ...(needs.includes("entropies") && { entropies: entropies! }),
    ...(needs.includes("oldLogprobs") && { oldLogprobs: oldLogprobs! }),
    ...(needs.includes("advantages") && {
      advantages: advantages!,
      advantagesPer: from === "tokens" ? "token" : "sequence",
    }),
  });
  for (const field of ["entropies", "oldLogprobs"] as const) {
    if (needs.includes(field)) checkMeasured("credit tokens", field, batch);
  }
  if (needs.includes("kinds")) checkKinds(kinds!, lossMask.length);
  if (from === "rewards") {
    checkRewards(rewards!, groupIds!, include);
    if (baseline.singleton === "error" && needsGroup(baseline)) checkSingletons(groupIds!, include);
  }
  if (formula === "baseline-corrected") checkTrainedGroups(groupIds!, offsets, lossMask);
}

function checkKinds(kinds: Uint8Array, numTokens: number): void {
  checkArray("kinds", kinds, Uint8Array, numTokens);
  for (let t = 0; t < kinds.length; t++) {
    if (kinds[t]! >= NUM_KINDS) {
      throw new InputRangeError(
        `Cannot credit tokens as kinds are 0 to 4: kinds[${t}] is ${kinds[t]}`,
      );
    }
  }
}

function checkRewards(
  rewards: Float32Array,
  groupIds: Int32Array,
  include: Uint8Array | undefined,
): void {
  checkArray("rewards", rewards, Float32Array, groupIds.length);
  if (include !== undefined) checkArray("include", include, Uint8Array, groupIds.length);
  for (let s = 0; s < rewards.length; s++) {
    if (include !== undefined && include[s]! > 1) {
      throw new InputRangeError(
        `Cannot credit tokens as include holds only 0 and 1: include[${s}] is ${include[s]}`,
      );
    }
    if (include?.[s] === 0) continue;
    if (!Number.isFinite(rewards[s])) {
      throw new InputRangeError(
        `Cannot credit tokens as rewards must be finite: rewards[${s}] is ${rewards[s]}, ` +
          `or set include[${s}] to 0 to leave the sequence out`,
      );
    }
    if (groupIds[s] === -1) {
      throw new InputRangeError(
        `Cannot credit tokens as every sequence needs a known group: groupIds[${s}] is -1, ` +
          `give it the id of its prompt or set include[${s}] to 0`,
      );
    }
  }
}

function checkSingletons(groupIds: Int32Array, include: Uint8Array | undefined): void {
  const sizes = new Map<number, number>();
  for (let s = 0; s < groupIds.length; s++) {
    if (include?.[s] !== 0) sizes.set(groupIds[s]!, (sizes.get(groupIds[s]!) ?? 0) + 1);
  }
  for (let s = 0; s < groupIds.length; s++) {
    if (include?.[s] === 0 || sizes.get(groupIds[s]!) !== 1) continue;
    throw new InputRangeError(
      `Cannot credit tokens as this convention needs at least 2 rewards in a group: group ` +
        `${groupIds[s]} holds only sequence ${s}, choose singleton "zero" or "reward"`,
    );
  }
}

function checkTrainedGroups(
  groupIds: Int32Array,
  offsets: Int32Array,
  lossMask: Uint8Array,
): void {
  for (let s = 0; s < groupIds.length; s++) {
    if (groupIds[s] !== -1 || !lossMask.subarray(offsets[s]!, offsets[s + 1]!).includes(1)) {
      continue;
    }
    throw new InputRangeError(
      `Cannot credit tokens as every sequence with trained tokens needs a known group: ` +
        `groupIds[${s}] is -1, give it the id of its prompt`,
    );
  }
}

function checkArray(
  name: string,
  value: unknown,
  type: typeof Float32Array | typeof Uint8Array,
  length: number,
): void {
  if (!(value instanceof type)) {
    const current = (value as object | null)?.constructor?.name ?? String(value);
    throw new InputTypeError(
      `Cannot credit tokens as ${name} must be a ${type.name}: current value is ${current}`,
    );
  }
  if (value.length !== length) {
    throw new InputRangeError(
      `Cannot credit tokens as ${name} must hold ${length} values: current length is ${value.length}`,
    );
  }
}
