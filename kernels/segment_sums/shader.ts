import { MAX_CLASSES } from "./_check_segment_sums.ts";

/** Invocations in a workgroup of either shader. */
const LANES = 64;

/** Leaves of a tree that a workgroup adds without a look at memory: 16 a lane. */
export const CHUNK_TOKENS = 16 * LANES;

/**
 * What both shaders share: a balanced tree over leaves in order, grown chunk by chunk as a binary counter
 * counts. A full subtree waits in `waiting` at its level until the one beside it is done, so the shape depends
 * only on the index of a leaf, not on how the work was cut. Zeros pad the tree: adding them is exact.
 *
 * Sums travel as bits, as WGSL lets a compiler assume that no float is infinite or NaN: what is not finite is
 * noted in `marks` and stands as 0 in the tree.
 */
const TREE = /* wgsl */ `
const NAN_MARK = 1u;
const PLUS_MARK = 2u;
const MINUS_MARK = 4u;
// 2^32 tokens are 2^22 chunks.
const LEVELS = 24u;

override numClasses: u32 = 1u;

var<workgroup> branches: array<f32, ${MAX_CLASSES * LANES}>;
var<workgroup> tallies: array<u32, ${MAX_CLASSES * LANES}>;
var<workgroup> waiting: array<f32, ${MAX_CLASSES} * LEVELS>;
var<workgroup> marks: array<atomic<u32>, ${MAX_CLASSES}>;
var<workgroup> counted: array<atomic<u32>, ${MAX_CLASSES}>;

// The value of a leaf; one that is not finite is noted and counts as 0.
fn leaf(bits: u32, kind: u32) -> f32 {
  if ((bits & 0x7f800000u) != 0x7f800000u) {
    return bitcast<f32>(bits);
  }
  let infinite = select(PLUS_MARK, MINUS_MARK, bits == 0xff800000u);
  atomicOr(&marks[kind], select(infinite, NAN_MARK, (bits & 0x007fffffu) != 0u));
  return 0.0;
}

// Adds the sum of chunk number "chunk" to the tree of a class.
fn grow(kind: u32, chunk: u32, chunk_sum: f32) {
  var sum = chunk_sum;
  var level = kind * LEVELS;
  for (var n = chunk; (n & 1u) == 1u; n >>= 1u) {
    sum = waiting[level] + sum;
    level += 1u;
  }
  waiting[level] = sum;
}

// Bits of the root over all chunks.
fn root(kind: u32, chunks: u32) -> u32 {
  let mark = atomicLoad(&marks[kind]);
  if ((mark & NAN_MARK) != 0u || mark == (PLUS_MARK | MINUS_MARK)) {
    return 0x7fc00000u;
  }
  if (mark != 0u) {
    return select(0x7f800000u, 0xff800000u, mark == MINUS_MARK);
  }
  var sum = 0.0;
  var level = kind * LEVELS;
  for (var n = chunks; n != 0u; n >>= 1u) {
    if ((n & 1u) == 1u) {
      sum = waiting[level] + sum;
    }
    level += 1u;
  }
  return bitcast<u32>(sum);
}
`;

/**
 * WGSL of the sums of segments: a workgroup takes a part of a segment, a power of two of chunks. How many parts
 * there are follows from the range of `sums`, `[segments x parts x classes]`.
 */
export const SEGMENT_SUMS_SHADER = /* wgsl */ `
${TREE}
const LEFT_OUT = 0xffffffffu;

override hasClasses: bool = false;

@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read> offsets: array<i32>;
// Four of 8 bits each, the first token in the lowest; not looked at unless hasClasses.
@group(0) @binding(2) var<storage, read> classes: array<u32>;
@group(0) @binding(3) var<storage, read_write> sums: array<u32>;
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;

struct Four {
  values: vec4f,
  classes: vec4u,
}

fn class_of(token: u32, end: u32) -> u32 {
  if (token >= end) {
    return LEFT_OUT;
  }
  var kind = 0u;
  if (hasClasses) {
    kind = extractBits(classes[token / 4u], 8u * (token % 4u), 8u);
  }
  return select(LEFT_OUT, kind, kind < numClasses);
}

fn value_of(token: u32, kind: u32) -> f32 {
  if (kind == LEFT_OUT) {
    return 0.0;
  }
  return leaf(values[token], kind);
}

fn four(first: u32, end: u32) -> Four {
  let tokens = first + vec4u(0u, ${LANES}u, ${2 * LANES}u, ${3 * LANES}u);
  let found = vec4u(
    class_of(tokens.x, end), class_of(tokens.y, end),
    class_of(tokens.z, end), class_of(tokens.w, end),
  );
  return Four(
    vec4f(
      value_of(tokens.x, found.x), value_of(tokens.y, found.y),
      value_of(tokens.z, found.z), value_of(tokens.w, found.w),
    ),
    found,
  );
}

fn of_class(tokens: Four, kind: u32) -> vec4f {
  return select(vec4f(), tokens.values, tokens.classes == vec4u(kind));
}

fn ones(tokens: Four, kind: u32) -> vec4u {
  return select(vec4u(), vec4u(1u), tokens.classes == vec4u(kind));
}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let segments = arrayLength(&offsets) - 1u;
  let parts = arrayLength(&sums) / (segments * numClasses);
  let row = id.x + id.y * grid.x;
  if (row >= segments * parts) {
    return;
  }
  let segment = row / parts;
  let begin = min(u32(max(offsets[segment], 0)), arrayLength(&values));
  let end = clamp(u32(max(offsets[segment + 1u], 0)), begin, arrayLength(&values));
  let chunks = (end - begin + ${CHUNK_TOKENS - 1}u) / ${CHUNK_TOKENS}u;
  // The next power of two, so that a part is a whole subtree.
  let share = max(1u, (chunks + parts - 1u) / parts);
  let step = 1u << (32u - countLeadingZeros(share - 1u));
  let first = min(row % parts * step, chunks);
  let number = min(step, chunks - first);
  for (var chunk = 0u; chunk < number; chunk++) {
    let at = begin + (first + chunk) * ${CHUNK_TOKENS}u + lane;
    let a = four(at, end);
    let b = four(at + ${4 * LANES}u, end);
    let c = four(at + ${8 * LANES}u, end);
    let d = four(at + ${12 * LANES}u, end);
    for (var kind = 0u; kind < numClasses; kind++) {
      let leaves = (of_class(a, kind) + of_class(b, kind)) +
        (of_class(c, kind) + of_class(d, kind));
      let tally = ones(a, kind) + ones(b, kind) + ones(c, kind) + ones(d, kind);
      branches[kind * ${LANES}u + lane] = (leaves.x + leaves.z) + (leaves.y + leaves.w);
      tallies[kind * ${LANES}u + lane] += tally.x + tally.y + tally.z + tally.w;
    }
    workgroupBarrier();
    for (var stride = ${LANES / 2}u; stride > 0u; stride /= 2u) {
      for (var kind = 0u; kind < numClasses; kind++) {
        if (lane < stride) {
          branches[kind * ${LANES}u + lane] += branches[kind * ${LANES}u + lane + stride];
        }
      }
      workgroupBarrier();
    }
    if (lane < numClasses) {
      grow(lane, chunk, branches[lane * ${LANES}u]);
    }
    workgroupBarrier();
  }
  for (var kind = 0u; kind < numClasses; kind++) {
    atomicAdd(&counted[kind], tallies[kind * ${LANES}u + lane]);
  }
  workgroupBarrier();
  if (lane < numClasses) {
    sums[row * numClasses + lane] = root(lane, number);
    counts[row * numClasses + lane] = atomicLoad(&counted[lane]);
  }
}
`;

/**
 * WGSL that joins rows of sums: a workgroup makes one row of `sums` from neighbouring rows, an equal share of
 * them for each, or with `byId` from all rows with its id.
 */
export const JOIN_SUMS_SHADER = /* wgsl */ `
${TREE}
override byId: bool = false;
// Whether ids[group] is the id of a group; else it is its number.
override hasIds: bool = false;

@group(0) @binding(0) var<storage, read> rowSums: array<u32>;
@group(0) @binding(1) var<storage, read> rowCounts: array<u32>;
@group(0) @binding(2) var<storage, read> rowIds: array<i32>;
@group(0) @binding(3) var<storage, read> ids: array<i32>;
@group(0) @binding(4) var<storage, read_write> sums: array<u32>;
@group(0) @binding(5) var<storage, read_write> counts: array<u32>;

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let groups = arrayLength(&sums) / numClasses;
  let group = workgroup.x + workgroup.y * grid.x;
  if (group >= groups) {
    return;
  }
  var begin = 0u;
  var end = arrayLength(&rowSums) / numClasses;
  var id = i32(group);
  if (byId) {
    if (hasIds) {
      id = ids[group];
    }
  } else {
    let share = end / groups;
    begin = group * share;
    end = begin + share;
  }
  let blocks = (end - begin + ${LANES - 1}u) / ${LANES}u;
  for (var block = 0u; block < blocks; block++) {
    let row = begin + block * ${LANES}u + lane;
    var member = row < end;
    if (byId && member) {
      member = rowIds[row] == id;
    }
    for (var kind = 0u; kind < numClasses; kind++) {
      var value = 0.0;
      if (member) {
        value = leaf(rowSums[row * numClasses + kind], kind);
        tallies[kind * ${LANES}u + lane] += rowCounts[row * numClasses + kind];
      }
      branches[kind * ${LANES}u + lane] = value;
    }
    workgroupBarrier();
    // Neighbours first, as the parts of a segment are subtrees in order.
    for (var stride = 1u; stride < ${LANES}u; stride *= 2u) {
      for (var kind = 0u; kind < numClasses; kind++) {
        if (lane % (2u * stride) == 0u) {
          branches[kind * ${LANES}u + lane] += branches[kind * ${LANES}u + lane + stride];
        }
      }
      workgroupBarrier();
    }
    if (lane < numClasses) {
      grow(lane, block, branches[lane * ${LANES}u]);
    }
    workgroupBarrier();
  }
  for (var kind = 0u; kind < numClasses; kind++) {
    atomicAdd(&counted[kind], tallies[kind * ${LANES}u + lane]);
  }
  workgroupBarrier();
  if (lane < numClasses) {
    sums[group * numClasses + lane] = root(lane, blocks);
    counts[group * numClasses + lane] = atomicLoad(&counted[lane]);
  }
}
`;
