/**
 * Deno's compiler (Naga) accepts shaders that Chrome's (Tint) rejects. Dawn's null backend runs Tint
 * without a GPU, but is a download of 130 MB, so this check is asked for with HICRA_TINT=1.
 */
import { requestDevice } from "../../kernels/mod.ts";
import { compilePipeline } from "../../kernels/_compile_pipeline.ts";
import { logitStatsShader } from "../../kernels/logits/shader.ts";
import { gradientsShader, KL_SHADER, slopesShader } from "../../kernels/policy_gradient/shader.ts";
import { MATCH_SHADER } from "../../kernels/match/match_shader.ts";
import { OPENINGS_SHADER } from "../../kernels/match/openings_shader.ts";
import { SEQUENCE_SHADER } from "../../kernels/match/sequence_shader.ts";
import { SPELL_SHADER } from "../../kernels/match/spell_shader.ts";
import { BASELINE_SHADER } from "../../kernels/credit/baseline_shader.ts";
import { GROUP_MEANS_SHADER } from "../../kernels/credit/group_means_shader.ts";
import { SUMS_SHADER } from "../../kernels/credit/sums_shader.ts";
import { TOKENS_SHADER } from "../../kernels/credit/tokens_shader.ts";
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
    // Held to the end: Dawn crashes where the collector takes it while its device lives.
    const gpu = dawn.create(["backend=null"]);
    const device = await requestDevice({ gpu });
    for (const dtype of ["f32", "f16", "bf16"] as const) {
      for (const topK of [0, 5]) {
        await compilePipeline(device, {
          label: `logits ${dtype} ${topK}`,
          code: logitStatsShader({ dtype, topK }),
          constants: { vocab_size: 1_000 },
        });
      }
      for (const inPlace of [false, true]) {
        await compilePipeline(device, {
          label: `gradients ${dtype}`,
          code: gradientsShader({ dtype, inPlace }),
          constants: { vocab_size: 1_000, temperature: 1 },
        });
      }
    }
    await compilePipeline(device, {
      label: "kl",
      code: KL_SHADER,
      constants: { kl_penalty: 0.1 },
    });
    for (const withReference of [false, true]) {
      await compilePipeline(device, {
        label: "slopes",
        code: slopesShader({ withReference }),
        constants: {
          vocab_size: 1_000,
          clip_low: 0.2,
          clip_high: 0.2,
          dual_clip: 3,
          entropy_bonus: 0,
        },
      });
    }
    await compilePipeline(device, { label: "match spell", code: SPELL_SHADER });
    await compilePipeline(device, { label: "match sequences", code: SEQUENCE_SHADER });
    await compilePipeline(device, { label: "match openings", code: OPENINGS_SHADER });
    await compilePipeline(device, { label: "match phrases", code: MATCH_SHADER });
    for (const code of [BASELINE_SHADER, SUMS_SHADER, GROUP_MEANS_SHADER, TOKENS_SHADER]) {
      await compilePipeline(device, { label: "credit", code });
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
    assert.ok(gpu);
  },
});
