import { InputRangeError } from "../../batch/mod.ts";

/** Checks the distance up to which rows are neighbours. */
export function checkEpsilon(epsilon: number): void {
  if (epsilon >= 0 && epsilon <= 2) return;
  throw new InputRangeError(
    `Cannot find neighbours as epsilon must be a cosine distance from 0 to 2: ` +
      `current value is ${epsilon}`,
  );
}

/** Checks that offsets of 32 bits can address the lists. */
export function checkNumIndices(numIndices: number): void {
  if (numIndices < 2 ** 31) return;
  throw new InputRangeError(
    `Cannot list neighbours as there must be fewer than 2^31: there are ${numIndices}, ` +
      `lower epsilon or drop duplicates`,
  );
}
