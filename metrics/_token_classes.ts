import { type CheckedBatch, Flag, InputRangeError, InputTypeError } from "../batch/mod.ts";
import { TokenClass } from "./_class_sums.ts";

/** Which tokens and sequences are measured. */
export interface TokenClasses {
  /** `[tokens]`: {@linkcode TokenClass}. */
  readonly classes: Uint8Array;
  /** `[sequences]`: trained tokens; 0 in a row that is kept out of metrics. */
  readonly trained: Int32Array;
  /** `[sequences]`: planning tokens among them. */
  readonly planning: Int32Array;
}

/** Whether a row is kept out of every metric. */
export function isLeftOut(batch: CheckedBatch, s: number): boolean {
  return batch.flags !== undefined &&
    (batch.flags[s]! & (Flag.padding | Flag.excludeFromMetrics)) !== 0;
}

/**
 * Classes the tokens: trained ones into planning and execution, all others left out.
 *
 * @throws {TypeError} If the mask is not a Uint8Array.
 * @throws {RangeError} If the mask has another length than the batch, or another value than 0 or 1.
 */
export function tokenClasses(batch: CheckedBatch, planningMask: Uint8Array): TokenClasses {
  const { offsets, lossMask, numSequences, numTokens } = batch;
  if (!(planningMask instanceof Uint8Array)) {
    throw new InputTypeError(
      `Cannot measure as planningMask must be a Uint8Array: current value is ${planningMask}`,
    );
  }
  if (planningMask.length !== numTokens) {
    throw new InputRangeError(
      `Cannot measure as planningMask must hold one value per token, ${numTokens}: ` +
        `current length is ${planningMask.length}`,
    );
  }
  const classes = new Uint8Array(numTokens);
  const trained = new Int32Array(numSequences);
  const planning = new Int32Array(numSequences);
  let seen = 0;
  for (let s = 0; s < numSequences; s++) {
    const start = offsets[s]!;
    const end = offsets[s + 1]!;
    let trainedHere = 0;
    let planningHere = 0;
    for (let i = start; i < end; i++) {
      const isTrained = lossMask[i]!;
      const mark = planningMask[i]!;
      seen |= mark;
      const isPlanning = isTrained & mark;
      classes[i] = (isTrained ^ 1) << 1 | isPlanning;
      trainedHere += isTrained;
      planningHere += isPlanning;
    }
    if (isLeftOut(batch, s)) {
      classes.fill(TokenClass.leftOut, start, end);
    } else {
      trained[s] = trainedHere;
      planning[s] = planningHere;
    }
  }
  if (seen > 1) {
    const index = planningMask.findIndex((mark) => mark > 1);
    throw new InputRangeError(
      `Cannot measure as planningMask holds only 0 and 1: ` +
        `planningMask[${index}] is ${planningMask[index]}`,
    );
  }
  return { classes, trained, planning };
}
