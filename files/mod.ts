/**
 * All that touches a disk or a file format: rollouts, solutions, lexicons, tokenizers, safetensors.
 *
 * @module
 */
export type { Batch } from "../batch/mod.ts";
export type { Lexicon, TokenBytes, TokenBytesOptions } from "../sg/mod.ts";
export {
  type BatchExtra,
  batchFromSafetensors,
  batchToSafetensors,
  type SafetensorsBatch,
} from "./batch_safetensors.ts";
export { byteTokenizer } from "./byte_tokenizer.ts";
export type { Encode } from "./_encoder.ts";
export { loadLexicon } from "./load_lexicon.ts";
export { loadTokenizer, type Tokenizer } from "./load_tokenizer.ts";
export { type ReadFields, readSolutions, type ReadSolutionsOptions } from "./read_solutions.ts";
export { type MatcherProvenance, matcherProvenance } from "./provenance.ts";
export {
  readRolloutLines,
  readRollouts,
  type RolloutLine,
  writeJsonl,
  writeOutput,
} from "./rollout_files.ts";
export {
  parseRollout,
  type ParseRolloutOptions,
  type Rollout,
  type RolloutBatch,
  rolloutsToBatch,
  type RolloutsToBatchOptions,
} from "./rollouts.ts";
export {
  decodeSafetensors,
  type DecodeSafetensorsOptions,
  type Dtype,
  encodeSafetensors,
  type Safetensors,
  type Tensor,
  type TensorData,
} from "./safetensors.ts";
export type { Solution } from "./solution.ts";
export { solutionFiles } from "./solution_files.ts";
export { solutionsKey } from "./solutions_key.ts";
