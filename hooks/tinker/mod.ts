/**
 * A client of the Tinker protocol, as the training server of SkyRL speaks it, and the way from the
 * batch of a hook to its datums: a whole GRPO loop in TypeScript, with the model on a GPU elsewhere.
 * Nothing but `fetch` is used.
 *
 * @module
 */
export type { Batch } from "../../batch/mod.ts";
export { batchFromSamples, datumsFromBatch, type SampledBatch } from "./datums.ts";
export {
  type AdamParams,
  type Datum,
  type LossFnInputs,
  type ModelInput,
  modelInput,
  type PassInput,
  type PassResult,
  type SampledSequence,
  type SampleInput,
  type SamplingParams,
} from "./protocol.ts";
export {
  type CreateModelInput,
  TinkerClient,
  type TinkerClientOptions,
  type TinkerRequestOptions,
} from "./tinker_client.ts";
export { TinkerError, type TinkerErrorInfo } from "./tinker_error.ts";
export { TinkerSession, type TinkerSessionOptions } from "./tinker_session.ts";
export { TOKEN_LEVEL_LOSSES, tokenLevelLoss } from "./token_level_loss.ts";
