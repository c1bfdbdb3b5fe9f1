import { logitWgsl } from "../_logit_wgsl.ts";
import type { LogitDtype } from "../logit_dtype.ts";

/** Invocations of a workgroup; a workgroup reads the logits of one token. */
export const WORKGROUP_SIZE = 256;

/** What changes the text of the shader. */
export interface LogitShaderOptions {
  readonly dtype: LogitDtype;
  readonly topK: number;
}

/**
 * WGSL of the logit statistics: every logit is read once, 16 bytes at a time.
 *
 * Each invocation keeps the largest logit so far and, relative to it, the sum of the weights and of weights
 * times their logarithm (online softmax, https://arxiv.org/abs/1805.02867); a fixed tree joins them, so
 * the result has the same bits in every run. Logarithms are to base 2 inside. Rows need not be
 * aligned: what a row shares with its neighbors in the first and last 16 bytes is left out.
 *
 * Outputs travel as `u32`, so that a NaN is written as its bits.
 */
export function logitStatsShader({ dtype, topK }: LogitShaderOptions): string {
  return /* wgsl */ `
override vocab_size: u32;
override temperature: f32 = 1.0;

const LOG2_E = 1.4426950408889634f;
const LN_2 = 0.6931471805599453f;
const NAN = 0x7fc00000u;
const NEGATIVE_INFINITY = 0xff800000u;
override scale: f32 = LOG2_E / temperature;
// Below this distance from the largest logit a weight is zero in f32, and products stay finite.
override depth: f32 = -200.0 / scale;

@group(0) @binding(0) var<storage, read> logits: array<vec4u>;
@group(0) @binding(1) var<storage, read> token_ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> logprobs: array<u32>;
@group(0) @binding(3) var<storage, read_write> entropies: array<u32>;
@group(0) @binding(4) var<storage, read_write> logsumexps: array<u32>;
@group(0) @binding(5) var<storage, read_write> argmaxes: array<i32>;
${topK > 0 ? TOP_K_BINDING : ""}
${logitWgsl(dtype)}

var<workgroup> largest_of: array<f32, ${WORKGROUP_SIZE}>;
var<workgroup> sum_of: array<f32, ${WORKGROUP_SIZE}>;
var<workgroup> weighted_of: array<f32, ${WORKGROUP_SIZE}>;
var<workgroup> argmax_of: array<u32, ${WORKGROUP_SIZE}>;
var<workgroup> unusual_of: array<u32, ${WORKGROUP_SIZE}>;

// Distance below the largest logit, in bits.
fn below(logit: f32, largest: f32) -> f32 {
  return max(logit - largest, depth) * scale;
}

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let token = workgroup.x + workgroup.y * grid.x;
  if (token >= arrayLength(&token_ids)) {
    return;
  }
  let id = token_ids[token];
  if (id < 0) {
    if (local == 0u) {
      logprobs[token] = 0u;
      entropies[token] = 0u;
      logsumexps[token] = 0u;
      argmaxes[token] = -1;
      ${topK > 0 ? "top_k_masses[token] = 0u;" : ""}
    }
    return;
  }
  let begin = token * vocab_size;
  let end = begin + vocab_size;
  let first = begin / LANES;
  let last = (end - 1u) / LANES;

  var largest = LOWEST;
  var argmax = begin;
  var sums = vec4f(0.0);
  var weighteds = vec4f(0.0);
  var any_unusual = false;
  ${
    topK > 0
      ? `var most: array<f32, ${topK}>;\n  for (var k = 0u; k < ${topK}u; k++) { most[k] = LOWEST; }`
      : ""
  }
  for (var at = first + local; at <= last; at += ${WORKGROUP_SIZE}u) {
    let words = logits[at];
    for (var part = 0u; part < PARTS; part++) {
      var bits = lanes(words, part);
      let element = at * LANES + 4u * part;
      if (at == first || at == last) {
        let index = vec4u(element, element + 1u, element + 2u, element + 3u);
        bits = select(bits, vec4u(0xff7fffffu), (index < vec4u(begin)) | (index >= vec4u(end)));
      }
      any_unusual = any_unusual || any(unusual(bits));
      let values = finite(bits);
      let top = max(max(values.x, values.y), max(values.z, values.w));
      if (top > largest) {
        // What is summed so far was relative to a smaller logit.
        let drop = below(largest, top);
        let factor = exp2(drop);
        weighteds = (weighteds + drop * sums) * factor;
        sums *= factor;
        largest = top;
        argmax = element + select(
          select(select(3u, 2u, values.z == top), 1u, values.y == top),
          0u,
          values.x == top,
        );
      }
      let distances = max(values - vec4f(largest), vec4f(depth)) * scale;
      let weights = exp2(distances);
      sums += weights;
      weighteds += weights * distances;
      ${topK > 0 ? KEEP_MOST(topK) : ""}
    }
  }
  largest_of[local] = largest;
  sum_of[local] = (sums.x + sums.y) + (sums.z + sums.w);
  weighted_of[local] = (weighteds.x + weighteds.y) + (weighteds.z + weighteds.w);
  argmax_of[local] = argmax;
  unusual_of[local] = u32(any_unusual);
  workgroupBarrier();

  for (var stride = ${WORKGROUP_SIZE / 2}u; stride > 0u; stride >>= 1u) {
    if (local < stride) {
      let other = local + stride;
      let mine = largest_of[local];
      let theirs = largest_of[other];
      let both = max(mine, theirs);
      let my_drop = below(mine, both);
      let their_drop = below(theirs, both);
      let my_factor = exp2(my_drop);
      let their_factor = exp2(their_drop);
      weighted_of[local] = (weighted_of[local] + my_drop * sum_of[local]) * my_factor +
        (weighted_of[other] + their_drop * sum_of[other]) * their_factor;
      sum_of[local] = sum_of[local] * my_factor + sum_of[other] * their_factor;
      let earlier = theirs == mine && argmax_of[other] < argmax_of[local];
      if (theirs > mine || earlier) {
        argmax_of[local] = argmax_of[other];
      }
      largest_of[local] = both;
      unusual_of[local] |= unusual_of[other];
    }
    workgroupBarrier();
  }
  ${topK > 0 ? SUM_MOST(topK) : ""}

  if (local == 0u) {
    let sum = sum_of[0];
    let row_largest = largest_of[0];
    let log_sum = log2(sum);
    if (unusual_of[0] != 0u || row_largest == LOWEST) {
      logprobs[token] = NAN;
      entropies[token] = NAN;
      logsumexps[token] = NAN;
      argmaxes[token] = -1;
    } else {
      logsumexps[token] = bitcast<u32>(row_largest / temperature + LN_2 * log_sum);
      entropies[token] = bitcast<u32>(LN_2 * max(log_sum - weighted_of[0] / sum, 0.0));
      argmaxes[token] = i32(argmax_of[0] - begin);
      if (u32(id) >= vocab_size) {
        logprobs[token] = NAN;
      } else {
        let element = begin + u32(id);
        let lane = element % LANES;
        let bits = lanes(logits[element / LANES], lane / 4u)[lane % 4u];
        let distance = max(bitcast<f32>(bits) - row_largest, LOWEST) / temperature;
        logprobs[token] = select(
          bitcast<u32>(distance - LN_2 * log_sum),
          NEGATIVE_INFINITY,
          bits == NEGATIVE_INFINITY,
        );
      }
    }
  }
}
`;
}

const TOP_K_BINDING = /* wgsl */ `
@group(0) @binding(6) var<storage, read_write> top_k_masses: array<u32>;
var<workgroup> head_of: array<f32, ${WORKGROUP_SIZE}>;
var<workgroup> owner_of: array<u32, ${WORKGROUP_SIZE}>;`;

/**
 * Keeps the largest logits of an invocation, descending; an insertion is rare after the first few. The loop ends
 * by a `break`: with `most[place - 1u] < value` in its condition Mesa's OpenGL computes something else.
 */
const KEEP_MOST = (topK: number): string => /* wgsl */ `
      if (top > most[${topK - 1}]) {
        for (var lane = 0u; lane < 4u; lane++) {
          let value = values[lane];
          if (value > most[${topK - 1}]) {
            var place = ${topK - 1}u;
            for (; place > 0u; place--) {
              if (most[place - 1u] >= value) {
                break;
              }
              most[place] = most[place - 1u];
            }
            most[place] = value;
          }
        }
      }`;

/** Takes the largest head of all lists, once for each of the top. */
const SUM_MOST = (topK: number): string => /* wgsl */ `
  let total_largest = largest_of[0];
  var taken = 0u;
  var mass = 0.0;
  for (var round = 0u; round < ${topK}u; round++) {
    head_of[local] = select(LOWEST, most[min(taken, ${topK - 1}u)], taken < ${topK}u);
    owner_of[local] = local;
    workgroupBarrier();
    for (var stride = ${WORKGROUP_SIZE / 2}u; stride > 0u; stride >>= 1u) {
      if (local < stride && head_of[local + stride] > head_of[local]) {
        head_of[local] = head_of[local + stride];
        owner_of[local] = owner_of[local + stride];
      }
      workgroupBarrier();
    }
    mass += exp2(below(head_of[0], total_largest));
    taken += u32(owner_of[0] == local);
    workgroupBarrier();
  }
  if (local == 0u) {
    let none = unusual_of[0] != 0u || total_largest == LOWEST;
    top_k_masses[token] = select(bitcast<u32>(min(mass / sum_of[0], 1.0)), NAN, none);
  }`;
