import { InputRangeError } from "../batch/mod.ts";

/** Checks an option that counts something; `action` is what cannot be done otherwise. */
export function checkCount(action: string, name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InputRangeError(
    `Cannot ${action} as ${name} must be a whole number from ${least}: current value is ${value}`,
    { option: name },
  );
}
