import { MATCH_FIELDS } from "./_found_matches.ts";
import { MATCH_INVOCATIONS, MATCH_TOKENS } from "./_text_wgsl.ts";
import { READ } from "./_read_wgsl.ts";
import { WALK } from "./_walk_wgsl.ts";

/** WGSL of the third step: each token in which a match may begin is walked on from. */
export const MATCH_SHADER: string = /* wgsl */ `${READ}${WALK}
struct Status {
  matches: atomic<u32>,
  unknownToken: atomic<u32>,
}

@group(0) @binding(5) var<storage, read_write> planningMask: array<atomic<u32>>;
@group(0) @binding(6) var<storage, read_write> matches: array<i32>;
@group(0) @binding(7) var<storage, read_write> status: Status;

// Moves from the start of a character to that of the one before, and returns its class. At the start of
// the run there is none, which counts as one outside any word.
fn stepBackCharacter(place: ptr<function, Place>) -> u32 {
  if (!stepBack(place)) {
    return 0u;
  }
  // A lead byte begins a character wherever it stands: it can stand inside no other.
  var back = *place;
  for (var k = 1u; k <= 4u; k++) {
    let byte = byteAt(back.at);
    if (!isContinuation(byte)) {
      var ahead = back;
      let character = readCharacter(&ahead);
      if (character.length == k) {
        *place = back;
        return character.code & 7u;
      }
      break;
    }
    if (!stepBack(&back)) {
      break;
    }
  }
  return codeOf(REPLACEMENT) & 7u;
}

// What stands before a character, which may need a look at all that extends a base.
fn beforeOf(start: Place) -> u32 {
  var back = start;
  var kind = stepBackCharacter(&back);
  var behind = BEFORE_WORD;
  if (isJoiner(kind)) {
    behind = BEFORE_JOINER;
    kind = stepBackCharacter(&back);
  }
  while (kind == CLASS_EXTENDER) {
    kind = stepBackCharacter(&back);
  }
  return select(BEFORE_GAP, behind, kind == CLASS_BASE);
}

// Where the character begins that the first byte of a token belongs to.
fn characterAround(first: Place) -> Place {
  if (!isContinuation(byteAt(first.at))) {
    return first;
  }
  var back = first;
  for (var k = 1u; k <= 3u; k++) {
    if (!stepBack(&back)) {
      break;
    }
    if (!isContinuation(byteAt(back.at))) {
      var ahead = back;
      if (readCharacter(&ahead).length > k) {
        return back;
      }
      break;
    }
  }
  return first;
}

// The vocabulary holds three entries for each token and one more.
fn vocabSize() -> u32 {
  return (arrayLength(&vocabulary) - 1u) / 3u;
}

fn report(walk: ptr<function, Walk>, gram: i32) {
  let at = atomicAdd(&status.matches, 1u);
  if (at >= arrayLength(&matches) / ${MATCH_FIELDS}u) {
    return;
  }
  let base = at * ${MATCH_FIELDS}u;
  matches[base] = i32((*walk).token);
  matches[base + 1u] = i32((*walk).byte);
  matches[base + 2u] = i32((*walk).lastToken + 1u);
  matches[base + 3u] = i32((*walk).lastEnd - spelledBy((*walk).lastToken).x);
  matches[base + 4u] = gram;
}

// Walks on from a place to the end, and marks the tokens of the matches.
fn finish(walk: ptr<function, Walk>, place: Place) {
  if (advance(walk, place)) {
    _ = leaveWord(walk);
  }
  if (!(*walk).hasMatched) {
    return;
  }
  // All matches of one start lie in the longest. A token without bytes spells no part of it.
  for (var token = (*walk).token; token <= (*walk).matchedToken; token++) {
    if (spelledBy(token).y > 0u) {
      atomicOr(&planningMask[token / 4u], 1u << (8u * (token % 4u)));
    }
  }
}

// Walks from every character that begins in a token.
fn walkThrough(token: u32) {
  let first = placeOf(token);
  var place = characterAround(first);
  var before = beforeOf(place);
  while (settle(&place) && place.token <= token) {
    let start = place;
    let character = readCharacter(&place);
    let kind = character.code & 7u;
    if (start.token == token && canStart(kind, before)) {
      var walk = startOf(token, start.at - first.at);
      if (begin(&walk, character, before)) {
        finish(&walk, place);
      }
    }
    before = beforeNext(before, kind);
  }
}

// Whether the token behind can go on with what began in a token: mostly it cannot.
fn mayGoOn(token: u32) -> bool {
  let next = token + 1u;
  if (next >= arrayLength(&text) || (text[next] & (TRAINED | RUN_START | UNKNOWN)) != TRAINED) {
    return true;
  }
  let leads = vocabSize() * 2u + 1u;
  let needed = vocabulary[leads + (text[token] >> ID_SHIFT)].y;
  // A character that stands in no phrase leads nowhere, but it ends the word.
  return needed == ANYTHING || (vocabulary[leads + (text[next] >> ID_SHIFT)].x & needed) != 0u;
}

// Walks on from the one place in a token, from where the token has been walked already.
fn walkOn(token: u32) {
  let opening = vocabulary[vocabSize() + 1u + (text[token] >> ID_SHIFT)];
  var place = placeOf(token);
  if ((opening.y & 1u) != 0u && beforeOf(place) != BEFORE_GAP) {
    return;
  }
  var walk = startOf(token, opening.y >> 1u);
  walk.node = opening.x >> NODE_SHIFT;
  walk.tail = (opening.x >> TAIL_SHIFT) & TAIL_MASK;
  walk.lastEnd = place.end;
  place.at = place.end;
  finish(&walk, place);
}

// The tokens of the workgroup that are walked on from, gathered, as otherwise most invocations were idle
// while a few walk. From the front those with one place, from the back the others, as the two go
// different ways. In any order.
var<workgroup> opening: array<u32, ${MATCH_TOKENS}>;
var<workgroup> numOnce: atomic<u32>;
var<workgroup> numSomehow: atomic<u32>;

@compute @workgroup_size(${MATCH_INVOCATIONS})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let base = (group.x + group.y * grid.x) * ${MATCH_TOKENS}u;
  for (var at = local; at < ${MATCH_TOKENS}u; at += ${MATCH_INVOCATIONS}u) {
    let token = base + at;
    if (token < arrayLength(&text)) {
      let flags = text[token];
      if ((flags & UNKNOWN) != 0u) {
        atomicMin(&status.unknownToken, token);
      } else if ((flags & OPENS_ONCE) != 0u) {
        if (mayGoOn(token)) {
          opening[atomicAdd(&numOnce, 1u)] = token;
        }
      } else if ((flags & OPENS_SOMEHOW) != 0u) {
        opening[${MATCH_TOKENS}u - 1u - atomicAdd(&numSomehow, 1u)] = token;
      }
    }
  }
  workgroupBarrier();
  let once = atomicLoad(&numOnce);
  for (var at = local; at < once; at += ${MATCH_INVOCATIONS}u) {
    walkOn(opening[at]);
  }
  let somehow = atomicLoad(&numSomehow);
  for (var at = local; at < somehow; at += ${MATCH_INVOCATIONS}u) {
    walkThrough(opening[${MATCH_TOKENS}u - 1u - at]);
  }
}
`;
