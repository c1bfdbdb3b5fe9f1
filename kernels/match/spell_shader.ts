import { FLAGS, INDEX, NO_TOKEN, WORKGROUP_SIZE } from "./_text_wgsl.ts";

/**
 * WGSL of the first step: what the later ones need to know of each token, in one word, so that a look at
 * the neighbors is one load; and it clears the outputs.
 */
export const SPELL_SHADER: string = /* wgsl */ `${FLAGS}${INDEX}
@group(0) @binding(0) var<storage, read> tokenIds: array<u32>;
// Four values of 8 bits each, the first token in the lowest.
@group(0) @binding(1) var<storage, read> lossMask: array<u32>;
// One value where there are no segments: one token alone has no other to differ from.
@group(0) @binding(2) var<storage, read> segmentIds: array<u32>;
@group(0) @binding(3) var<storage, read> vocabulary: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> text: array<u32>;
@group(0) @binding(5) var<storage, read_write> planningMask: array<u32>;
@group(0) @binding(6) var<storage, read_write> status: array<u32, 2>;

// The vocabulary holds three entries for each token and one more.
fn vocabSize() -> u32 {
  return (arrayLength(&vocabulary) - 1u) / 3u;
}

fn isTrained(token: u32) -> bool {
  return extractBits(lossMask[token / 4u], 8u * (token % 4u), 8u) != 0u;
}

fn startsRun(token: u32) -> bool {
  if (token == 0u || !isTrained(token - 1u)) {
    return true;
  }
  return token < arrayLength(&segmentIds) && segmentIds[token] != segmentIds[token - 1u];
}

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
) {
  let token = indexOf(id, grid);
  if (token >= arrayLength(&tokenIds)) {
    return;
  }
  if (token == 0u) {
    status = array(0u, ${NO_TOKEN}u);
  }
  if (token % 4u == 0u) {
    planningMask[token / 4u] = 0u;
  }
  var spelled = 0u;
  if (isTrained(token)) {
    spelled = (vocabSize() << ID_SHIFT) | UNKNOWN;
    let vocabularyId = tokenIds[token];
    if (vocabularyId < vocabSize()) {
      let opens = vocabulary[vocabSize() + 1u + vocabularyId].x & (OPENS_ONCE | OPENS_SOMEHOW);
      spelled = (vocabularyId << ID_SHIFT) | opens;
    }
    spelled |= TRAINED | select(0u, RUN_START, startsRun(token));
  }
  text[token] = spelled;
}
`;
