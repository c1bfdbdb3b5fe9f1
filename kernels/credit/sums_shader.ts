import { TOKENS_WGSL } from "./_tokens_wgsl.ts";

/** Invocations in a workgroup; a workgroup sums over one sequence. */
export const SUMS_WORKGROUP_SIZE = 256;

/**
 * WGSL of the sums over the trained tokens of each sequence that some transforms need. Each lane takes
 * every 256th token, a fixed tree adds the lanes: the same bits at every run.
 *
 * Writes to `statistics`, four values a sequence: the scale of mass-preserving; the sum of the
 * credit and the count of baseline-corrected; of the others the mean that divides a surprisal and the
 * mean that shapes it.
 */
export const SUMS_SHADER = /* wgsl */ `
const SIZE = ${SUMS_WORKGROUP_SIZE}u;
${TOKENS_WGSL}
@group(0) @binding(6) var<storage, read_write> statistics: array<f32>;

var<workgroup> sums: array<vec4f, SIZE>;

fn termsOf(token: u32, sequence: u32) -> vec4f {
  if (formula == MASS_PRESERVING || formula == BASELINE_CORRECTED) {
    let advantage = bitcast<f32>(given[select(token, sequence, isPerSequence)]);
    let gain = gainOf(token);
    let added = addedCredit(advantage, gain);
    if (formula == BASELINE_CORRECTED) {
      return vec4f(added, 1.0, 0.0, 0.0);
    }
    // |A + added| - |A|, without the rounding of |A|: gains are below 1.
    return vec4f(abs(advantage), select(added, -added, advantage < 0.0), 0.0, 0.0);
  }
  let isPlanning = (formula == SEPA || formula == PLANNING_BOOST) && kindOf(token) != 0u;
  let surprisal = surprisalOf(token);
  return select(
    vec4f(0.0, surprisal, 0.0, 1.0),
    vec4f(surprisal, 0.0, 1.0, 0.0),
    isPlanning,
  );
}

/** What a sequence needs of its sums; 0 of nothing. */
fn statisticsOf(total: vec4f) -> vec2f {
  if (formula == MASS_PRESERVING) {
    // A quotient of equal values need not be exactly 1 on a GPU.
    return vec2f(select(1.0, total.x / (total.x + total.y), total.y != 0.0), 0.0);
  }
  if (formula == BASELINE_CORRECTED) {
    return total.xy;
  }
  let mean = (total.x + total.y) / max(total.z + total.w, 1.0);
  if (formula == SEPA) {
    // Pooling keeps the mean.
    return vec2f(mean, total.y / max(total.w, 1.0));
  }
  if (formula == PLANNING_BOOST) {
    let share = total.z / max(total.z + total.w, 1.0);
    return vec2f(mean + parameters[0] * mean * share, mean);
  }
  return vec2f(mean, 0.0);
}

@compute @workgroup_size(SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let sequence = group.x + group.y * grid.x;
  if (sequence + 1u >= arrayLength(&offsets)) {
    return;
  }
  let end = u32(offsets[sequence + 1u]);
  var partial = vec4f();
  for (var token = u32(offsets[sequence]) + lane; token < end; token += SIZE) {
    if (isTrained(token)) {
      partial += termsOf(token, sequence);
    }
  }
  sums[lane] = partial;
  for (var stride = SIZE / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      sums[lane] += sums[lane + stride];
    }
  }
  if (lane == 0u) {
    let result = statisticsOf(sums[0]);
    statistics[4u * sequence] = result.x;
    statistics[4u * sequence + 1u] = result.y;
  }
}
`;
