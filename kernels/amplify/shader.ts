/** Invocations in a workgroup; each handles one token. */
export const WORKGROUP_SIZE = 256;

/**
 * WGSL of the token amplification. Its range is that of its bindings, so nothing but the grid
 * changes between runs.
 *
 * Advantages travel as `u32`: integer loads and stores keep every bit, where a float that is only
 * passed on may lose a NaN's payload or a subnormal.
 */
export const AMPLIFY_SHADER = /* wgsl */ `
override symmetric: bool = false;

@group(0) @binding(0) var<storage, read> advantages: array<u32>;
// Four kinds of 8 bits each, the first token in the lowest.
@group(0) @binding(1) var<storage, read> kinds: array<u32>;
@group(0) @binding(2) var<storage, read> gains: array<f32, 5>;
@group(0) @binding(3) var<storage, read_write> amplified: array<u32>;

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
) {
  let token = id.x + id.y * grid.x * ${WORKGROUP_SIZE}u;
  if (token >= arrayLength(&advantages)) {
    return;
  }
  let kind = extractBits(kinds[token / 4u], 8u * (token % 4u), 8u);
  let gain = select(0.0, gains[min(kind, 4u)], kind >= 1u && kind <= 4u);
  let bits = advantages[token];
  let advantage = bitcast<f32>(bits);
  let changed = advantage + gain * select(abs(advantage), advantage, symmetric);
  amplified[token] = select(bitcast<u32>(changed), bits, gain == 0.0);
}
`;
