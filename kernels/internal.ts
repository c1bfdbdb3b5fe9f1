/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { model } from "./_onnx_model.ts";
export {
  type InferenceSession,
  loadOnnxRuntime,
  type OnnxRuntime,
  type Tensor,
} from "./_onnx_runtime.ts";
