import { InputRangeError } from "../../batch/mod.ts";

/** Checks an option that counts something. */
export function checkCount(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InputRangeError(
    `Cannot embed as ${name} must be a whole number from ${least}: current value is ${value}`,
  );
}
