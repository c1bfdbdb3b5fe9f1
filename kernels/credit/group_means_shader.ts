/** Invocations in a workgroup; a workgroup computes the mean for one sequence. */
export const GROUP_MEANS_WORKGROUP_SIZE = 64;

/**
 * WGSL of the mean credit in the group of each sequence, from the sums and counts of its sequences.
 * Writes the third of the four values a sequence; a sequence of unknown group gets 0.
 */
export const GROUP_MEANS_SHADER = /* wgsl */ `
const SIZE = ${GROUP_MEANS_WORKGROUP_SIZE}u;

@group(0) @binding(0) var<storage, read> groupIds: array<i32>;
// Values, not vectors: a vector's component may be written by writing all of it.
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;

var<workgroup> sums: array<vec2f, SIZE>;

@compute @workgroup_size(SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let own = group.x + group.y * grid.x;
  let numSequences = arrayLength(&groupIds);
  if (own >= numSequences) {
    return;
  }
  var partial = vec2f();
  for (var s = lane; s < numSequences; s += SIZE) {
    if (groupIds[s] == groupIds[own]) {
      partial += vec2f(statistics[4u * s], statistics[4u * s + 1u]);
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
    let total = sums[0];
    let isKnown = groupIds[own] != -1 && total.y > 0.0;
    statistics[4u * own + 2u] = select(0.0, total.x / max(total.y, 1.0), isKnown);
  }
}
`;
