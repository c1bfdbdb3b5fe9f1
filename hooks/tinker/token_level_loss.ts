import { InputRangeError } from "../../batch/mod.ts";

/** The losses of the protocol that form importance ratios per token, so that token credit counts. */
export const TOKEN_LEVEL_LOSSES: readonly string[] = [
  "importance_sampling",
  "ppo",
  "cispo",
  "dppo",
];

/**
 * Returns the name of a loss if token advantages reach the gradient with it.
 *
 * @example Usage
 * ```ts
 * import { tokenLevelLoss } from "@hicra/hicra/tinker";
 * import assert from "node:assert/strict";
 *
 * assert.equal(tokenLevelLoss("ppo"), "ppo");
 * assert.throws(() => tokenLevelLoss("gspo"), RangeError); // one ratio for the whole sequence
 * ```
 *
 * @param name Name of a loss as the server knows it.
 * @returns The same name.
 * @throws {RangeError} If the loss averages token advantages over a sequence (`"gspo"`), reads none
 * (`"cross_entropy"`), or is not known here.
 */
export function tokenLevelLoss(name: string): string {
  if (TOKEN_LEVEL_LOSSES.includes(name)) return name;
  const why = name === "gspo"
    ? "its ratio per sequence averages token advantages"
    : name === "cross_entropy"
    ? "it reads no advantages"
    : "it is not known whether it keeps token credit";
  throw new InputRangeError(
    `Cannot train on token advantages as the loss must be one of ${
      TOKEN_LEVEL_LOSSES.join(", ")
    }: ` +
      `current value is "${name}", ${why}`,
  );
}
