/** Invocations in a workgroup; a workgroup computes the advantage of one sequence. */
export const BASELINE_WORKGROUP_SIZE = 64;

/**
 * WGSL of the group baseline: rewards to one advantage per sequence. Each workgroup looks through all
 * sequences for those of its group, so that groups may lie anywhere.
 *
 * Nothing is computed from the rewards themselves but from their distances to one of them, which f32
 * holds to half a unit in the last place: `r - mean` is minus the mean of the distances to `r`. Equal
 * rewards give exactly 0, and rewards of a million with a spread of 1 lose nothing.
 */
export const BASELINE_SHADER = /* wgsl */ `
const SIZE = ${BASELINE_WORKGROUP_SIZE}u;
const NONE = 0xffffffffu;

// Places in CENTERS, SCALES and EPSILON_PLACES.
override center: u32 = 0u;
override scale: u32 = 0u;
override epsilonPlace: u32 = 0u;
override epsilon: f32 = 1e-6;
override ddof: f32 = 1.0;
override singletonReward: bool = false;
override hasInclude: bool = false;

@group(0) @binding(0) var<storage, read> rewards: array<f32>;
@group(0) @binding(1) var<storage, read> groupIds: array<i32>;
// Four values of 8 bits each. Without include any buffer is bound here, and not looked at.
@group(0) @binding(2) var<storage, read> include: array<u32>;
@group(0) @binding(3) var<storage, read_write> sequenceAdvantages: array<f32>;

var<workgroup> sums: array<vec4f, SIZE>;
var<workgroup> firsts: array<u32, SIZE>;

fn isIncluded(s: u32) -> bool {
  return groupIds[s] != -1 && (!hasInclude || extractBits(include[s / 4u], 8u * (s % 4u), 8u) != 0u);
}

/** Whether the deviation that divides the advantage of sequence own counts sequence s. */
fn isInSpread(s: u32, own: u32) -> bool {
  return isIncluded(s) && (scale == 3u || (groupIds[s] == groupIds[own] && (scale != 2u || s != own)));
}

fn sumOfLanes(lane: u32, value: vec4f) -> vec4f {
  workgroupBarrier();
  sums[lane] = value;
  for (var stride = SIZE / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      sums[lane] += sums[lane + stride];
    }
  }
  workgroupBarrier();
  return sums[0];
}

fn firstOfLanes(lane: u32, value: u32) -> u32 {
  workgroupBarrier();
  firsts[lane] = value;
  for (var stride = SIZE / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      firsts[lane] = min(firsts[lane], firsts[lane + stride]);
    }
  }
  workgroupBarrier();
  return firsts[0];
}

fn divisor(spread: f32) -> f32 {
  if (spread == 0.0) {
    return 1.0;
  }
  switch epsilonPlace {
    case 0u: { return spread + epsilon; }
    case 1u: { return max(spread, epsilon); }
    default: { return sqrt(spread * spread + epsilon); }
  }
}

@compute @workgroup_size(SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let own = group.x + group.y * grid.x;
  let numSequences = arrayLength(&sequenceAdvantages);
  if (own >= numSequences) {
    return;
  }
  let reward = rewards[own];

  // Size of the group, sum of the distances to the own reward, sum of the rewards, size of the spread.
  var partial = vec4f();
  var first = NONE;
  for (var s = lane; s < numSequences; s += SIZE) {
    if (isIncluded(s) && groupIds[s] == groupIds[own]) {
      partial += vec4f(1.0, rewards[s] - reward, rewards[s], 0.0);
    }
    if (isInSpread(s, own)) {
      partial.w += 1.0;
      first = min(first, s);
    }
  }
  let total = sumOfLanes(lane, partial);
  let size = total.x;
  let mean = total.z / size;

  var spread = 0.0;
  if (scale == 1u || scale == 2u || scale == 3u) {
    // All members of a group, or of the batch, take the distance to the same reward: one deviation.
    let base = rewards[min(firstOfLanes(lane, first), numSequences - 1u)];
    var distances = 0.0;
    for (var s = lane; s < numSequences; s += SIZE) {
      if (isInSpread(s, own)) {
        distances += rewards[s] - base;
      }
    }
    let middle = sumOfLanes(lane, vec4f(distances)).x / max(total.w, 1.0);
    var squares = 0.0;
    for (var s = lane; s < numSequences; s += SIZE) {
      if (isInSpread(s, own)) {
        let deviation = (rewards[s] - base) - middle;
        squares += deviation * deviation;
      }
    }
    squares = sumOfLanes(lane, vec4f(squares)).x;
    if (total.w > ddof && squares > 0.0) {
      spread = sqrt(squares / (total.w - ddof));
    }
  } else if (scale == 4u) {
    spread = mean;
  }

  let needsGroup = center != 2u || scale == 1u || scale == 2u || scale == 4u;
  var advantage = 0.0;
  if (isIncluded(own)) {
    if (size == 1.0 && needsGroup) {
      if (singletonReward) {
        // The deviation of one reward counts as 1, its mean as no divisor.
        let single = select(select(0.0, spread, scale == 3u), 1.0, scale == 1u || scale == 2u);
        advantage = reward / divisor(single);
      }
    } else if (scale != 4u || mean > 0.0) {
      var centered = reward;
      if (center == 0u) {
        centered = -total.y / size;
      } else if (center == 1u) {
        centered = -total.y / (size - 1.0);
      }
      advantage = centered / divisor(spread);
    }
  }
  if (lane == 0u) {
    // Minus the mean of equal rewards' distances is -0.
    sequenceAdvantages[own] = select(advantage, 0.0, advantage == 0.0);
  }
}
`;
