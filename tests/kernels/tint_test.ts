/**
 * Deno's compiler (Naga) accepts shaders that Chrome's (Tint) rejects. Dawn's null backend runs Tint
 * without a GPU, but is a download of 130 MB, so this check is asked for with HICRA_TINT=1.
 */
import { requestDevice } from "../../kernels/mod.ts";
import { compilePipeline } from "../../kernels/_compile_pipeline.ts";
import { AMPLIFY_SHADER } from "../../kernels/amplify/shader.ts";
import {
  COUNT_NEIGHBOURS_SHADER,
  LIST_NEIGHBOURS_SHADER,
} from "../../kernels/neighbours/shader.ts";
import {
  JOIN_SUMS_SHADER,
  SEGMENT_SUMS_SHADER,
  TINY_SEGMENTS_SHADER,
} from "../../kernels/segment_sums/shader.ts";
import assert from "node:assert/strict";

// In a variable, so that only a run that wants Dawn downloads it.
const DAWN = "npm:webgpu@0.6.2";

const asked = Deno.env.get("HICRA_TINT") === "1";
const why = asked ? "" : " (HICRA_TINT is not 1)";

Deno.test({
  name: `every shader compiles under Tint${why}`,
  ignore: !asked,
  async fn() {
    const dawn = await import(DAWN) as { create(flags: string[]): GPU };
    const device = await requestDevice({ gpu: dawn.create(["backend=null"]) });
    await compilePipeline(device, { label: "amplify", code: AMPLIFY_SHADER });
    await compilePipeline(device, { label: "segment sums", code: SEGMENT_SUMS_SHADER });
    await compilePipeline(device, { label: "tiny segments", code: TINY_SEGMENTS_SHADER });
    await compilePipeline(device, { label: "join sums", code: JOIN_SUMS_SHADER });
    for (const code of [COUNT_NEIGHBOURS_SHADER, LIST_NEIGHBOURS_SHADER]) {
      const constants = { dimensions: 3, leastProduct: 0.5, certainProduct: 0.6 };
      await compilePipeline(device, { label: "neighbours", code, constants });
    }
    const nonUniform = `
      @group(0) @binding(0) var<storage, read_write> x: array<u32>;
      @compute @workgroup_size(64) fn main(@builtin(local_invocation_id) id: vec3u) {
        if (x[id.x] == 1u) { workgroupBarrier(); }
        x[id.x] = 2u;
      }`;
    await assert.rejects(
      compilePipeline(device, { label: "non-uniform barrier", code: nonUniform }),
      { name: "ShaderError", message: /uniform control flow/ },
    );
    device.destroy();
  },
});
