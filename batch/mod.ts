/**
 * The ragged batch: the one data contract, its checks, and the way from padded arrays and back.
 *
 * @module
 */
export { type Batch, type CheckedBatch, Flag } from "./batch.ts";
export { checkMeasured, type MeasuredField } from "./check_measured.ts";
export { broadcastToTokens, checkBatch, tokenAdvantages } from "./check_batch.ts";
export {
  type InputError,
  type InputErrorCode,
  type InputErrorOptions,
  InputRangeError,
  InputSyntaxError,
  InputTypeError,
  isInputError,
} from "./input_error.ts";
export { forEachRun } from "./for_each_run.ts";
export type { PlanningTokens } from "./planning_tokens.ts";
export { packPadded, type PaddedBatch, type PaddedLayout, unpackPadded } from "./padded.ts";
export { isTransformed, markTransformed } from "./transformed.ts";
