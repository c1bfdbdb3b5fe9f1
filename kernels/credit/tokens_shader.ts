import { TOKENS_WGSL } from "./_tokens_wgsl.ts";

const WORKGROUP_SIZE = 256;
/** Tokens of a workgroup: four a lane, as finding the sequence of a tile costs a search. */
export const TILE = 4 * WORKGROUP_SIZE;

/**
 * WGSL of the last pass: one advantage per token, from that of its sequence or a given one, and the
 * statistics of its sequence. Tokens are dealt to workgroups by tiles, whatever the lengths of the
 * sequences.
 */
export const TOKENS_SHADER = /* wgsl */ `
const SIZE = ${WORKGROUP_SIZE}u;
const TILE = ${TILE}u;
${TOKENS_WGSL}
override needsSequence: bool = false;

const HICRA = 1u;
const HIGH_ENTROPY = 4u;

@group(0) @binding(6) var<storage, read> statistics: array<f32>;
@group(0) @binding(7) var<storage, read_write> credited: array<u32>;

// Sequences of the first and the last token of the tile.
var<workgroup> ends: array<u32, 2>;

/** The last sequence in [low, high] that begins at the token or before: it is not empty. */
fn sequenceOf(token: u32, low: u32, high: u32) -> u32 {
  var fromSequence = low;
  var toSequence = high;
  while (fromSequence < toSequence) {
    let middle = (fromSequence + toSequence + 1u) / 2u;
    if (u32(offsets[middle]) <= token) {
      fromSequence = middle;
    } else {
      toSequence = middle - 1u;
    }
  }
  return fromSequence;
}

/** The surprisal that is weighed, and the weight's factor. */
fn weightOf(token: u32, sequence: u32) -> f32 {
  var surprisal = surprisalOf(token);
  var beta = parameters[0];
  let mean = statistics[4u * sequence];
  let shaping = statistics[4u * sequence + 1u];
  if (formula == SEPA || formula == PLANNING_BOOST) {
    let strength = parameters[0];
    beta = parameters[1];
    let isPlanning = kindOf(token) != 0u;
    if (formula == SEPA && !isPlanning) {
      surprisal = strength * shaping + (1.0 - strength) * surprisal;
    } else if (formula == PLANNING_BOOST && isPlanning) {
      surprisal += strength * shaping;
    }
  }
  return select(1.0, max(0.0, 1.0 + beta * (surprisal / mean - 1.0)), mean > 0.0);
}

fn credit(token: u32, sequence: u32, bits: u32) -> u32 {
  if (formula == 0u || !isTrained(token)) {
    return bits;
  }
  let advantage = bitcast<f32>(bits);
  if (formula == BASELINE_CORRECTED) {
    let mean = statistics[4u * sequence + 2u];
    let changed = advantage + (addedCredit(advantage, gainOf(token)) - mean);
    return select(bitcast<u32>(changed), bits, mean == 0.0);
  }
  // A zero keeps its sign.
  if (advantage == 0.0) {
    return bits;
  }
  if (formula == HICRA || formula == MASS_PRESERVING) {
    let added = addedCredit(advantage, gainOf(token));
    var scale = 1.0;
    if (formula == MASS_PRESERVING) {
      scale = statistics[4u * sequence];
    }
    return select(bitcast<u32>((advantage + added) * scale), bits, added == 0.0 && scale == 1.0);
  }
  if (formula == HIGH_ENTROPY) {
    return bitcast<u32>(
      advantage + min(parameters[0] * values[token], abs(advantage) / parameters[1]),
    );
  }
  let weight = weightOf(token, sequence);
  return select(bitcast<u32>(advantage * weight), bits, weight == 1.0);
}

@compute @workgroup_size(SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.x + group.y * grid.x) * TILE;
  let numTokens = arrayLength(&credited);
  if (start >= numTokens) {
    return;
  }
  if (needsSequence) {
    if (lane < 2u) {
      let edge = min(start + lane * (TILE - 1u), numTokens - 1u);
      ends[lane] = sequenceOf(edge, 0u, arrayLength(&offsets) - 2u);
    }
    workgroupBarrier();
  }
  for (var token = start + lane; token < min(start + TILE, numTokens); token += SIZE) {
    var sequence = 0u;
    if (needsSequence) {
      sequence = sequenceOf(token, ends[0], ends[1]);
    }
    let bits = given[select(token, sequence, isPerSequence)];
    credited[token] = credit(token, sequence, bits);
  }
}
`;
