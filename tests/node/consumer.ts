/** A program of a user, which must compile: a name of every entry point, and one that is wrong. */
import {
  type Batch,
  builtInLexicon,
  createHook,
  hicra,
  type HookResult,
  loadTokenizer,
  SgMatcher,
} from "@hicra/hicra";
import { checkBatch } from "@hicra/hicra/batch";
import { builtinTransforms, groupBaseline } from "@hicra/hicra/advantage";
import { tokenBytes } from "@hicra/hicra/sg";
import { semanticEntropy } from "@hicra/hicra/metrics";
import { requestDevice } from "@hicra/hicra/kernels";
import { mine } from "@hicra/hicra/mining";
import { readRollouts } from "@hicra/hicra/files";
import { createHook as same } from "@hicra/hicra/hooks";
import { createSidecar } from "@hicra/hicra/sidecar";
import { TinkerClient } from "@hicra/hicra/tinker";
import { traceAnsi } from "@hicra/hicra/view";
import { LogitStatsSession } from "@hicra/hicra/onnx";
import { main } from "@hicra/hicra/cli";
const hook = createHook({ transforms: [hicra({ alpha: 0.3 })] });
const batch: Batch = {
  offsets: Int32Array.of(0, 1),
  lossMask: Uint8Array.of(1),
  advantages: Float32Array.of(1),
  planningMask: Uint8Array.of(1),
};
export const result: HookResult = hook(batch);
// @ts-expect-error: a name that no preset has.
createHook({ baseline: "tlr" });
console.log(
  checkBatch,
  groupBaseline,
  builtinTransforms,
  tokenBytes,
  semanticEntropy,
  requestDevice,
  mine,
  readRollouts,
  same,
  createSidecar,
  TinkerClient,
  traceAnsi,
  LogitStatsSession,
  main,
  loadTokenizer,
  SgMatcher,
  builtInLexicon,
);
