import { MAX_CLASSES } from "./_check_segment_sums.ts";

/** Invocations in a workgroup of any of the shaders. */
export const LANES = 64;

/** Leaves of a tree that a workgroup adds without a look at memory: 16 a lane. */
export const CHUNK_TOKENS = 16 * LANES;

/** Workgroups that keep a large GPU busy: fewer segments are cut into parts. */
export const BUSY_WORKGROUPS = 4096;

/** Segments of at most so many tokens are for a lane alone where most are tiny. */
const TINY_TOKENS = LANES;

/** Whether most segments are tiny, and none are cut; the shaders find out from their bindings in the same way. */
export function areTiny(numTokens: number, numSegments: number): boolean {
  return numSegments >= BUSY_WORKGROUPS && numTokens / numSegments < TINY_TOKENS / 2;
}

/**
 * Sums travel as bits, as WGSL lets a compiler assume that no float is infinite or NaN: what is not finite is
 * marked and stands as 0 among the addends.
 */
const MARKS = /* wgsl */ `
const NAN_MARK = 1u;
const PLUS_MARK = 2u;
const MINUS_MARK = 4u;

override numClasses: u32 = 1u;

fn mark_of(bits: u32) -> u32 {
  if ((bits & 0x7f800000u) != 0x7f800000u) {
    return 0u;
  }
  if ((bits & 0x007fffffu) != 0u) {
    return NAN_MARK;
  }
  return select(PLUS_MARK, MINUS_MARK, bits == 0xff800000u);
}

// Bits of a sum of finite addends and marked ones.
fn marked(sum: f32, mark: u32) -> u32 {
  if (mark == 0u) {
    return bitcast<u32>(sum);
  }
  if ((mark & NAN_MARK) != 0u || mark == (PLUS_MARK | MINUS_MARK)) {
    return 0x7fc00000u;
  }
  return select(0x7f800000u, 0xff800000u, mark == MINUS_MARK);
}
`;

/**
 * A balanced tree over leaves in order, grown chunk by chunk as a binary counter counts. A full subtree waits
 * at its level until the one beside it is done, so the shape depends only on the index of a leaf, not on how
 * the work was cut. Zeros pad the tree: adding them is exact.
 */
const TREE = /* wgsl */ `
${MARKS}
// 2^32 tokens are 2^22 chunks.
const LEVELS = 24u;

// Sizes are for all classes: Naga 29 panics where an override stands in an expression of one.
var<workgroup> branches: array<f32, ${MAX_CLASSES * LANES}>;
var<workgroup> waiting: array<f32, ${MAX_CLASSES} * LEVELS>;
var<workgroup> marks: array<atomic<u32>, ${MAX_CLASSES}>;
var<workgroup> counted: array<atomic<u32>, ${MAX_CLASSES}>;

// The value of a leaf; one that is not finite is marked, unless it is of no class, and counts as 0.
fn leaf(bits: u32, kind: u32) -> f32 {
  let mark = mark_of(bits);
  if (mark == 0u) {
    return bitcast<f32>(bits);
  }
  if (kind < numClasses) {
    atomicOr(&marks[kind], mark);
  }
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
  var sum = 0.0;
  var level = kind * LEVELS;
  for (var n = chunks; n != 0u; n >>= 1u) {
    if ((n & 1u) == 1u) {
      sum = waiting[level] + sum;
    }
    level += 1u;
  }
  return marked(sum, atomicLoad(&marks[kind]));
}
`;

/** What the shaders over tokens share. */
const TOKENS = /* wgsl */ `
const LEFT_OUT = 0xffffffffu;

override hasClasses: bool = false;

@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read> offsets: array<i32>;
// Four of 8 bits each, the first token in the lowest; not looked at unless hasClasses.
@group(0) @binding(2) var<storage, read> classes: array<u32>;
@group(0) @binding(3) var<storage, read_write> sums: array<u32>;
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;

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

fn offset(index: u32) -> u32 {
  return min(u32(max(offsets[index], 0)), arrayLength(&values));
}

// What areTiny() says.
fn are_tiny(segments: u32) -> bool {
  return segments >= ${BUSY_WORKGROUPS}u && arrayLength(&values) / ${TINY_TOKENS / 2}u < segments;
}
`;

/**
 * WGSL of the sums of segments: a workgroup takes a part of a segment, a power of two of chunks. How many parts
 * there are follows from the range of `sums`, `[segments x parts x classes]`.
 */
export const SEGMENT_SUMS_SHADER = /* wgsl */ `
${TREE}
${TOKENS}
struct Four {
  values: vec4f,
  classes: vec4u,
}

const NONE = Four(vec4f(), vec4u(LEFT_OUT));

// Whatever its class, so that this load need not wait for that one.
fn value_of(token: u32, end: u32, kind: u32) -> f32 {
  if (token >= end) {
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
      value_of(tokens.x, end, found.x), value_of(tokens.y, end, found.y),
      value_of(tokens.z, end, found.z), value_of(tokens.w, end, found.w),
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
  let tiny = are_tiny(segments);
  // Where most are tiny, and so not for this shader, a workgroup looks at many.
  let share = select(1u, ${LANES}u, tiny);
  let workgroup = id.x + id.y * grid.x;
  let last_row = min((workgroup + 1u) * share, segments * parts);
  for (var row = workgroup * share; row < last_row; row++) {
    // A loop of its own, as a software adapter walks through the other whatever a condition says.
    while (tiny && row < last_row && offset(row + 1u) <= offset(row) + ${TINY_TOKENS}u) {
      row++;
    }
    if (row >= last_row) {
      break;
    }
    let segment = row / parts;
    let begin = offset(segment);
    let end = max(begin, offset(segment + 1u));
    let chunks = (end - begin + ${CHUNK_TOKENS - 1}u) / ${CHUNK_TOKENS}u;
    // The next power of two, so that a part is a whole subtree.
    let portion = max(1u, (chunks + parts - 1u) / parts);
    let step = 1u << (32u - countLeadingZeros(portion - 1u));
    let first = min(row % parts * step, chunks);
    let number = min(step, chunks - first);
    for (var chunk = 0u; chunk < number; chunk++) {
      let start = begin + (first + chunk) * ${CHUNK_TOKENS}u;
      let length = end - start;
      let a = four(start + lane, end);
      var b = NONE;
      var c = NONE;
      var d = NONE;
      if (length > ${4 * LANES}u) {
        b = four(start + ${4 * LANES}u + lane, end);
        c = four(start + ${8 * LANES}u + lane, end);
        d = four(start + ${12 * LANES}u + lane, end);
      }
      for (var kind = 0u; kind < numClasses; kind++) {
        let leaves = (of_class(a, kind) + of_class(b, kind)) +
          (of_class(c, kind) + of_class(d, kind));
        let tally = ones(a, kind) + ones(b, kind) + ones(c, kind) + ones(d, kind);
        branches[kind * ${LANES}u + lane] = (leaves.x + leaves.z) + (leaves.y + leaves.w);
        atomicAdd(&counted[kind], tally.x + tally.y + tally.z + tally.w);
      }
      workgroupBarrier();
      for (var stride = ${LANES / 2}u; stride > 0u; stride /= 2u) {
        // Beyond the length all is 0.
        if (stride < length) {
          for (var kind = 0u; kind < numClasses; kind++) {
            if (lane < stride) {
              branches[kind * ${LANES}u + lane] += branches[kind * ${LANES}u + lane + stride];
            }
          }
          workgroupBarrier();
        }
      }
      if (lane < numClasses) {
        grow(lane, chunk, branches[lane * ${LANES}u]);
      }
      if (chunk + 1u < number) {
        workgroupBarrier();
      }
    }
    if (lane < numClasses) {
      sums[row * numClasses + lane] = root(lane, number);
      counts[row * numClasses + lane] = atomicLoad(&counted[lane]);
      atomicStore(&marks[lane], 0u);
      atomicStore(&counted[lane], 0u);
    }
    if (row + 1u < last_row) {
      workgroupBarrier();
    }
  }
}
`;

/**
 * WGSL of the sums of tiny segments, one a lane: a workgroup for each would mostly wait. Longer ones are left
 * to {@linkcode SEGMENT_SUMS_SHADER}. The tree is the same: there lanes half the width apart are added first,
 * and neighbours last, which is the order of reversed bits.
 */
export const TINY_SEGMENTS_SHADER = /* wgsl */ `
${MARKS}
${TOKENS}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
) {
  let segments = arrayLength(&offsets) - 1u;
  let segment = id.x + id.y * grid.x * ${LANES}u;
  if (segment >= segments || !are_tiny(segments)) {
    return;
  }
  let begin = offset(segment);
  let end = max(begin, offset(segment + 1u));
  let length = end - begin;
  if (length > ${TINY_TOKENS}u) {
    return;
  }
  let levels = 32u - countLeadingZeros(max(length, 1u) - 1u);
  for (var kind = 0u; kind < numClasses; kind++) {
    var waiting: array<f32, ${Math.log2(TINY_TOKENS) + 1}>;
    var mark = 0u;
    var count = 0u;
    for (var k = 0u; k < (1u << levels); k++) {
      let token = begin + ((reverseBits(k) >> 1u) >> (31u - levels));
      var sum = 0.0;
      if (class_of(token, end) == kind) {
        let bits = values[token];
        let own = mark_of(bits);
        sum = select(0.0, bitcast<f32>(bits), own == 0u);
        mark |= own;
        count++;
      }
      var level = 0u;
      for (var n = k; (n & 1u) == 1u; n >>= 1u) {
        sum = waiting[level] + sum;
        level++;
      }
      waiting[level] = sum;
    }
    sums[segment * numClasses + kind] = marked(waiting[levels], mark);
    counts[segment * numClasses + kind] = count;
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
// Whether shares are powers of two, the last of them short, so that they are subtrees of one tree.
override split: bool = false;
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
    var share = (end + groups - 1u) / groups;
    if (split) {
      share = 1u << (32u - countLeadingZeros(share - 1u));
    }
    begin = min(group * share, end);
    end = min(begin + share, end);
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
        atomicAdd(&counted[kind], rowCounts[row * numClasses + kind]);
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
    if (block + 1u < blocks) {
      workgroupBarrier();
    }
  }
  if (lane < numClasses) {
    sums[group * numClasses + lane] = root(lane, blocks);
    counts[group * numClasses + lane] = atomicLoad(&counted[lane]);
  }
}
`;
