import { INDEX, WORKGROUP_SIZE } from "./_text_wgsl.ts";
import { READ } from "./_read_wgsl.ts";
import { WALK } from "./_walk_wgsl.ts";

/**
 * WGSL that is run once for each token of the vocabulary: how a match may begin in it, whatever stands
 * before and behind. In most tokens none can, and in most others at one place, from where the token is
 * walked here once for all. The text is that of all ids, each a run.
 */
export const OPENINGS_SHADER: string = /* wgsl */ `${READ}${WALK}${INDEX}
@group(0) @binding(5) var<storage, read_write> openings: array<vec2u>;

fn report(walk: ptr<function, Walk>, gram: i32) {}

fn bitOf(symbol: u32, isAfterSpace: bool) -> u32 {
  return 1u << ((symbol + select(0u, 11u, isAfterSpace)) % 32u);
}

// What a token opens with; nothing for a character that stands in no phrase.
fn leadOf(token: u32) -> u32 {
  let place = placeOf(token);
  if (place.at == place.end) {
    return ANYTHING;
  }
  let isAfterSpace = byteAt(place.at) == 0x20u;
  let at = place.at + select(0u, 1u, isAfterSpace);
  if (at == place.end || byteAt(at) >= 0x80u) {
    return ANYTHING;
  }
  let code = codeOf(byteAt(at));
  if ((code & 7u) >= CLASS_APOSTROPHE) {
    return ANYTHING;
  }
  return select(bitOf(code >> 3u, isAfterSpace), 0u, (code >> 3u) == 0u);
}

// The characters that lead on from a node; of no node, none.
fn leadsFrom(node: u32, isAfterSpace: bool) -> u32 {
  var bits = 0u;
  if (node != 0u) {
    for (var child = trie[node].firstChild; child < trie[node + 1u].firstChild; child++) {
      bits |= bitOf(trie[child].symbol, isAfterSpace);
    }
  }
  return bits;
}

fn childOrNone(node: u32, symbol: u32) -> u32 {
  if (node == 0u) {
    return 0u;
  }
  return childOf(node, symbol);
}

// What the next token must open with for the phrase to go on, or to end where its word does.
fn leadsOn(opening: vec2u) -> u32 {
  let tail = (opening.x >> TAIL_SHIFT) & TAIL_MASK;
  if (tail != TAIL_GAP && tail != TAIL_WORD) {
    return ANYTHING;
  }
  let node = opening.x >> NODE_SHIFT;
  var outside = node;
  if (tail == TAIL_WORD) {
    outside = childOrNone(node, WORD_END);
    if (outside != 0u && trie[outside].gram >= 0) {
      return ANYTHING;
    }
  }
  let afterSpace = childOrNone(outside, SPACE);
  return leadsFrom(node, false) | leadsFrom(outside, false) |
    leadsFrom(childOrNone(outside, WORD_START), false) |
    leadsFrom(afterSpace, true) | leadsFrom(childOrNone(afterSpace, WORD_START), true);
}

fn openingOf(token: u32) -> vec2u {
  var place = placeOf(token);
  if (place.at == place.end) {
    return vec2u(0u, 0u);
  }
  let somehow = vec2u(OPENS_SOMEHOW, 0u);
  if (isContinuation(byteAt(place.at))) {
    return somehow; // it may be in the middle of a character
  }
  let firstByte = place.at;
  var opening = vec2u(0u, 0u);
  var before = BEFORE_GAP;
  var beginsWithJoiner = false;
  for (var index = 0u; place.at < place.end; index++) {
    let byte = place.at - firstByte;
    let character = readCharacter(&place);
    if (character.isCut) {
      return somehow;
    }
    let kind = character.code & 7u;
    if (kind == CLASS_EXTENDER && index == 0u) {
      return somehow; // the word before may go on
    }
    if (canStart(kind, before)) {
      let isFirstJoiner = isJoiner(kind) && index == 0u;
      var walk = startOf(token, byte);
      var goesOn = begin(&walk, character, before) && advance(&walk, place);
      // What cannot be said without what stands before the token.
      var depends = index == 1u && beginsWithJoiner && kind == CLASS_BASE;
      if (isFirstJoiner) {
        var joined = startOf(token, byte);
        goesOn = (begin(&joined, character, BEFORE_WORD) && advance(&joined, place)) || goesOn;
        walk.hasMatched = walk.hasMatched || joined.hasMatched;
        depends = true;
      }
      let isSecond = opening.x != 0u;
      if (walk.hasMatched || (goesOn && (isSecond || depends || isJoining(walk.tail)))) {
        return somehow;
      }
      if (goesOn) {
        opening.x = OPENS_ONCE | (walk.tail << TAIL_SHIFT) | (walk.node << NODE_SHIFT);
        opening.y = (byte << 1u) | select(0u, 1u, kind == CLASS_BASE && index == 0u);
      }
    }
    beginsWithJoiner = index == 0u && isJoiner(kind);
    before = beforeNext(before, kind);
  }
  return opening;
}

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
) {
  let token = indexOf(id, grid);
  if (token < arrayLength(&text)) {
    let opening = openingOf(token);
    openings[token] = opening;
    openings[arrayLength(&text) + token] = vec2u(leadOf(token), leadsOn(opening));
  }
}
`;
