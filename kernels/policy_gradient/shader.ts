import { logitWgsl, packWgsl } from "../_logit_wgsl.ts";
import type { LogitDtype } from "../logit_dtype.ts";
import { LOG_RATIO_LIMIT } from "./_objective.ts";

/** Invocations of a workgroup. */
export const WORKGROUP_SIZE = 256;

/**
 * WGSL of the loss of each token and of what its row of gradients needs: the slope by the logprob, and the
 * factor of the entropy's derivative; NaN bits where the token cannot be computed.
 */
export function slopesShader({ withReference }: { readonly withReference: boolean }): string {
  return /* wgsl */ `
override clip_low: f32;
override clip_high: f32;
// 0 for none.
override dual_clip: f32;
override entropy_bonus: f32;
override vocab_size: u32;

const LOG_RATIO_LIMIT = ${LOG_RATIO_LIMIT}.0;
const NAN = 0x7fc00000u;

@group(0) @binding(0) var<storage, read> token_ids: array<i32>;
@group(0) @binding(1) var<storage, read> logprobs: array<f32>;
@group(0) @binding(2) var<storage, read> entropies: array<f32>;
@group(0) @binding(3) var<storage, read> old_logprobs: array<f32>;
@group(0) @binding(4) var<storage, read> advantages: array<f32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
@group(0) @binding(6) var<storage, read_write> losses: array<u32>;
@group(0) @binding(7) var<storage, read_write> slopes: array<vec2u>;

fn is_finite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
) {
  let token = id.x + id.y * grid.x * ${WORKGROUP_SIZE}u;
  if (token >= arrayLength(&token_ids)) {
    return;
  }
  let weight = weights[token];
  if (weight == 0.0 || token_ids[token] < 0) {
    losses[token] = 0u;
    slopes[token] = vec2u(0u);
    return;
  }
  let logprob = logprobs[token];
  let advantage = advantages[token];
  let log_ratio = logprob - old_logprobs[token];
  let cut_log_ratio = clamp(log_ratio, -LOG_RATIO_LIMIT, LOG_RATIO_LIMIT);
  let ratio = exp(cut_log_ratio);
  let is_blame = advantage < 0.0;
  var clipped = ratio;
  if (is_blame) {
    clipped = max(clipped, 1.0 - clip_low);
    if (dual_clip > 0.0) {
      clipped = min(clipped, dual_clip);
    }
  } else {
    clipped = min(clipped, 1.0 + clip_high);
  }
  let moves = clipped == ratio && cut_log_ratio == log_ratio;
  var loss = -clipped * advantage - entropy_bonus * entropies[token];
  var slope = select(0.0, -ratio * advantage, moves);
  loss *= weight;
  slope *= weight;
  ${withReference ? ADD_KL : ""}
  let all_finite = is_finite(logprob) && is_finite(entropies[token]) &&
    is_finite(slope) && is_finite(loss) && is_finite(weight) && u32(token_ids[token]) < vocab_size;
  losses[token] = select(NAN, bitcast<u32>(loss), all_finite);
  slopes[token] = select(
    vec2u(NAN),
    vec2u(bitcast<u32>(slope), bitcast<u32>(weight * entropy_bonus)),
    all_finite,
  );
}
`;
}

/** What {@linkcode KL_SHADER} left there. */
const ADD_KL = /* wgsl */ `
  loss += bitcast<f32>(losses[token]);
  slope += bitcast<f32>(slopes[token].x);`;

/**
 * WGSL of the KL penalty and its slope, weighted: a dispatch of its own before the slopes, which with it would
 * need nine storage buffers where every device has eight. expm1 by its series where the difference would
 * cancel.
 */
export const KL_SHADER = /* wgsl */ `
override kl_penalty: f32;

const LOG_RATIO_LIMIT = ${LOG_RATIO_LIMIT}.0;

@group(0) @binding(0) var<storage, read> logprobs: array<f32>;
@group(0) @binding(1) var<storage, read> ref_logprobs: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<u32>;
@group(0) @binding(4) var<storage, read_write> slopes: array<vec2u>;

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
) {
  let token = id.x + id.y * grid.x * ${WORKGROUP_SIZE}u;
  if (token >= arrayLength(&logprobs)) {
    return;
  }
  let full_distance = ref_logprobs[token] - logprobs[token];
  let distance = clamp(full_distance, -LOG_RATIO_LIMIT, LOG_RATIO_LIMIT);
  let series = distance * (1.0 + distance * (0.5 + distance * (1.0 / 6.0 + distance / 24.0)));
  let expm1 = select(exp(distance) - 1.0, series, abs(distance) < 0.1);
  let square = distance * distance;
  let k3_series = square * (0.5 + distance * (1.0 / 6.0 + distance * (1.0 / 24.0 + distance / 120.0)));
  let k3 = select(exp(distance) - 1.0 - distance, k3_series, abs(distance) < 0.1);
  let scale = weights[token] * kl_penalty;
  let slope = select(0.0, -scale * expm1, distance == full_distance);
  losses[token] = bitcast<u32>(scale * k3);
  slopes[token] = vec2u(bitcast<u32>(slope), 0u);
}
`;

/**
 * WGSL of the gradients: every logit is read and every gradient written once, 16 bytes at a time, by one
 * invocation, which makes working in place safe. Elements are counted through all rows, so a vector may hold
 * the end of one row and the begin of the next (of more, where the vocabulary is tiny).
 */
export function gradientsShader(
  { dtype, inPlace }: { readonly dtype: LogitDtype; readonly inPlace: boolean },
): string {
  const source = inPlace ? "gradients" : "logits";
  return /* wgsl */ `
override vocab_size: u32;
override temperature: f32;

@group(0) @binding(0) var<storage, read> token_ids: array<i32>;
@group(0) @binding(1) var<storage, read> slopes: array<vec2u>;
@group(0) @binding(2) var<storage, read> entropies: array<f32>;
@group(0) @binding(3) var<storage, read> logsumexps: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradients: array<vec4u>;
${inPlace ? "" : "@group(0) @binding(5) var<storage, read> logits: array<vec4u>;"}
${logitWgsl(dtype)}
${packWgsl(dtype)}

struct Row {
  token: u32,
  begin: u32,
  id: u32,
  slope: f32,
  entropy_slope: f32,
  entropy: f32,
  logsumexp: f32,
  moves: bool,
  is_nan: bool,
}

fn row_of(token: u32) -> Row {
  let slope = slopes[token];
  return Row(
    token,
    token * vocab_size,
    u32(token_ids[token]),
    bitcast<f32>(slope.x),
    bitcast<f32>(slope.y),
    entropies[token],
    logsumexps[token],
    (slope.x & 0x7fffffffu) != 0u || (slope.y & 0x7fffffffu) != 0u,
    (slope.x & 0x7f800000u) == 0x7f800000u,
  );
}

// Gradient of four elements that lie in one row.
fn gradient(row: Row, values: vec4f, element: u32) -> vec4f {
  // Below -200 a probability is zero in f32, and the products stay finite.
  let logps = max(values / temperature - vec4f(row.logsumexp), vec4f(-200.0));
  let probabilities = exp(logps);
  let index = vec4u(element, element + 1u, element + 2u, element + 3u) - vec4u(row.begin);
  let sampled = select(vec4f(0.0), vec4f(1.0), index == vec4u(row.id));
  let by_logprob = row.slope * (sampled - probabilities);
  let by_entropy = row.entropy_slope * probabilities * (logps + vec4f(row.entropy));
  return select(vec4f(0.0), (by_logprob + by_entropy) / temperature, row.moves);
}

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
) {
  let at = id.x + id.y * grid.x * ${WORKGROUP_SIZE}u;
  let num_elements = arrayLength(&token_ids) * vocab_size;
  let begin = at * LANES;
  if (begin >= num_elements) {
    return;
  }
  let words = ${source}[at];
  var row = row_of(begin / vocab_size);
  let end = min(begin + LANES, num_elements);
  if (end - row.begin <= vocab_size) {
    // All of it lies in one row, which is the rule.
    var first = gradient(row, finite(lanes(words, 0u)), begin);
    var second = vec4f(0.0);
    if (PARTS == 2u) {
      second = gradient(row, finite(lanes(words, 1u)), begin + 4u);
    }
    gradients[at] = select(pack(first, second), vec4u(NAN_WORD), row.is_nan);
    return;
  }
  var results = array<vec4f, 2>(vec4f(0.0), vec4f(0.0));
  var nans = array<vec4u, 2>(vec4u(0u), vec4u(0u));
  for (var lane = 0u; lane < LANES && begin + lane < num_elements; lane++) {
    let element = begin + lane;
    if (element - row.begin >= vocab_size) {
      row = row_of(row.token + 1u);
    }
    let values = finite(lanes(words, lane / 4u));
    results[lane / 4u][lane % 4u] = gradient(row, values, element - lane % 4u)[lane % 4u];
    nans[lane / 4u][lane % 4u] = u32(row.is_nan);
  }
  gradients[at] = select_nans(pack(results[0], results[1]), nans[0], nans[1]);
}

${SELECT_NANS[dtype]}
`;
}

/** Puts a NaN where it belongs in words that are packed. */
const SELECT_NANS: Readonly<Record<LogitDtype, string>> = {
  f32: /* wgsl */ `
fn select_nans(words: vec4u, first: vec4u, second: vec4u) -> vec4u {
  return select(words, vec4u(NAN_WORD), first == vec4u(1u));
}`,
  bf16: selectHalves(),
  f16: selectHalves(),
};

function selectHalves(): string {
  return /* wgsl */ `
fn select_nans(words: vec4u, first: vec4u, second: vec4u) -> vec4u {
  let low = vec4u(first.xz, second.xz) * vec4u(0xffffu);
  let high = vec4u(first.yw, second.yw) * vec4u(0xffff0000u);
  let nans = low | high;
  return (words & ~nans) | (vec4u(NAN_WORD) & nans);
}`;
}
