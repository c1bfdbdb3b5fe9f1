import { Classes, Symbols } from "./_alphabet.ts";
import { MATCH_FIELDS } from "./phrase_matches.ts";

/** Invocations in a workgroup of the other steps. */
export const WORKGROUP_SIZE = 256;

/**
 * Tokens that a workgroup of the matching step reads, and its invocations: in a text of reasoning, for the
 * paper's list, 7 % of the tokens are walked on from, so that most invocations have one walk.
 */
export const MATCH_TOKENS = 1024;
const MATCH_INVOCATIONS = 64;

/** `status[1]` where every id is in the vocabulary. */
export const NO_TOKEN = 0xffff_ffff;

/** Low bits of a token of the text; above them stands its id. */
export const TextFlag: {
  /** `lossMask` is not 0. */
  readonly trained: 1;
  /** The token before, if any, is of another run. */
  readonly runStart: 2;
  /** A match may begin in the token, at one place. */
  readonly opensOnce: 4;
  /** A match may begin in the token, and all of it must be walked. */
  readonly opensSomehow: 8;
  /** The id is outside the vocabulary; that of an empty token stands for it. */
  readonly unknown: 16;
} = { trained: 1, runStart: 2, opensOnce: 4, opensSomehow: 8, unknown: 16 };

/** Bits of the flags. */
export const ID_SHIFT = 5;

const FLAGS = /* wgsl */ `
const TRAINED = ${TextFlag.trained}u;
const RUN_START = ${TextFlag.runStart}u;
const OPENS_ONCE = ${TextFlag.opensOnce}u;
const OPENS_SOMEHOW = ${TextFlag.opensSomehow}u;
const UNKNOWN = ${TextFlag.unknown}u;
const ID_SHIFT = ${ID_SHIFT}u;
`;

const INDEX = /* wgsl */ `
fn indexOf(id: vec3u, grid: vec3u) -> u32 {
  return id.x + id.y * grid.x * ${WORKGROUP_SIZE}u;
}
`;

/**
 * WGSL of the first step: what the later ones need to know of each token, in one word, so that a look at
 * the neighbours is one load; and it clears the outputs.
 */
export const SPELL_SHADER = /* wgsl */ `${FLAGS}${INDEX}
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

/** WGSL of the second step: the first token of a sequence starts a run. */
export const SEQUENCE_SHADER = /* wgsl */ `${FLAGS}${INDEX}
@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read_write> text: array<u32>;

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
) {
  let sequence = indexOf(id, grid);
  if (sequence + 1u >= arrayLength(&offsets)) {
    return;
  }
  let first = offsets[sequence];
  // Of the sequences that begin at one token only the last holds it, so no two write one word.
  if (first < offsets[sequence + 1u] && first < arrayLength(&text)) {
    text[first] |= RUN_START;
  }
}
`;

/** What the vocabulary and the text are, and how characters are read. */
const READ = /* wgsl */ `${FLAGS}
const WORD_START = ${Symbols.wordStart}u;
const WORD_END = ${Symbols.wordEnd}u;
const SPACE = ${Symbols.space}u;
const NEWLINE = ${Symbols.newline}u;
const APOSTROPHE = ${Symbols.apostrophe}u;

const CLASS_WORD = ${Classes.word}u;
const CLASS_APOSTROPHE = ${Classes.apostrophe}u;
const CLASS_SPACE = ${Classes.space}u;
const CLASS_LINE_FEED = ${Classes.lineFeed}u;
const CLASS_CARRIAGE_RETURN = ${Classes.carriageReturn}u;

const REPLACEMENT = 0xfffdu;

// What the text read so far ends with.
const TAIL_GAP = 0u; // the start of the text, or a character outside any word
const TAIL_WORD = 1u; // a letter, a digit or _
const TAIL_APOSTROPHE = 2u; // an apostrophe after a word, not yet read: the next character decides
const TAIL_SPACE = 3u; // white space without a line end
const TAIL_LINE = 4u; // white space with one line end
const TAIL_CARRIAGE_RETURN = 5u; // the same, its last character a CR, to which an LF would belong
const TAIL_BLANK_LINE = 6u; // white space with two line ends or more
const TAIL_JOINED = 7u; // the apostrophe after a word that the walk began with


// How a match may begin in a token of the vocabulary: the flag, and for OPENS_ONCE what the token has been
// walked to.
const TAIL_SHIFT = 5u;
const NODE_SHIFT = 8u;

// A set of what a token may open with: characters, or a space and a character. Some share a bit.
const ANYTHING = 0xffffffffu;

// A byte to read next; at the end of its token, the first of the next one that has bytes.
struct Place {
  token: u32,
  at: u32,
  end: u32,
}

struct Character {
  code: u32,
  length: u32,
  // The token of its last byte, and the byte after that.
  token: u32,
  end: u32,
  // The text ends inside it.
  isCut: bool,
}

// An id above flags.
@group(0) @binding(0) var<storage, read> text: array<u32>;
// First byte and number of bytes of each token and of the empty one; then, in the text of a batch, how a
// match may begin in each: its kind, tail and node, and its first byte above "only outside a word"; and
// what it opens with and what the next token must open with.
@group(0) @binding(1) var<storage, read> vocabulary: array<vec2u>;
// Four bytes in a word, the first in the lowest bits.
@group(0) @binding(2) var<storage, read> tokenBytes: array<u32>;
// Where the page of each block of 256 code points begins in this array, then the pages.
@group(0) @binding(3) var<storage, read> characters: array<u32>;

fn spelledBy(token: u32) -> vec2u {
  return vocabulary[text[token] >> ID_SHIFT];
}

fn placeOf(token: u32) -> Place {
  let spelled = spelledBy(token);
  return Place(token, spelled.x, spelled.x + spelled.y);
}

// Moves to a byte that is there to be read; false at the end of the run.
fn settle(place: ptr<function, Place>) -> bool {
  while ((*place).at == (*place).end) {
    let next = (*place).token + 1u;
    if (next >= arrayLength(&text) || (text[next] & (TRAINED | RUN_START)) != TRAINED) {
      return false;
    }
    *place = placeOf(next);
  }
  return true;
}

// Moves to the byte before; false at the start of the run.
fn stepBack(place: ptr<function, Place>) -> bool {
  while ((*place).at == spelledBy((*place).token).x) {
    if ((text[(*place).token] & RUN_START) != 0u || (*place).token == 0u) {
      return false;
    }
    *place = placeOf((*place).token - 1u);
    (*place).at = (*place).end;
  }
  (*place).at -= 1u;
  return true;
}

fn byteAt(at: u32) -> u32 {
  return extractBits(tokenBytes[at / 4u], 8u * (at % 4u), 8u);
}

fn codeOf(codePoint: u32) -> u32 {
  return characters[characters[codePoint >> 8u] + (codePoint & 255u)];
}

fn isContinuation(byte: u32) -> bool {
  return (byte & 0xc0u) == 0x80u;
}

// Length of the UTF-8 sequence that a byte at or above 0x80 starts, 0 if it starts none.
fn sequenceLength(lead: u32) -> u32 {
  if (lead < 0xc2u || lead > 0xf4u) {
    return 0u;
  }
  return select(select(4u, 3u, lead < 0xf0u), 2u, lead < 0xe0u);
}

// Whether a byte may be number k of a sequence: Table 3-7 of the Unicode standard.
fn continues(lead: u32, k: u32, byte: u32) -> bool {
  var low = 0x80u;
  var high = 0xbfu;
  if (k == 1u) {
    switch (lead) {
      case 0xe0u: { low = 0xa0u; }
      case 0xedu: { high = 0x9fu; }
      case 0xf0u: { low = 0x90u; }
      case 0xf4u: { high = 0x8fu; }
      default: {}
    }
  }
  return byte >= low && byte <= high;
}

// Reads the character at a settled place; an invalid byte is U+FFFD by itself.
fn readCharacter(place: ptr<function, Place>) -> Character {
  let lead = byteAt((*place).at);
  (*place).at += 1u;
  if (lead < 0x80u) {
    return Character(codeOf(lead), 1u, (*place).token, (*place).at, false);
  }
  let length = sequenceLength(lead);
  var ahead = *place;
  var codePoint = lead & (0x7fu >> length);
  for (var k = 1u; k < length; k++) {
    if (!settle(&ahead)) {
      return Character(codeOf(REPLACEMENT), 1u, (*place).token, (*place).at, true);
    }
    let byte = byteAt(ahead.at);
    if (!continues(lead, k, byte)) {
      return Character(codeOf(REPLACEMENT), 1u, (*place).token, (*place).at, false);
    }
    ahead.at += 1u;
    codePoint = (codePoint << 6u) | (byte & 0x3fu);
  }
  if (length == 0u) {
    codePoint = REPLACEMENT;
  }
  *place = ahead;
  return Character(codeOf(codePoint), max(length, 1u), ahead.token, ahead.at, false);
}

`;

/**
 * A walk through the trie: from a character and what follows it as far as a phrase goes on. Failure links
 * are not needed, as every start has its own walk (PFAC: Lin et al., "Accelerating string matching using
 * multi-threaded algorithm on GPU", GLOBECOM 2010). `report` is the caller's.
 */
const WALK = /* wgsl */ `
struct Node {
  firstChild: u32,
  symbol: u32,
  gram: i32,
}

struct Walk {
  node: u32,
  tail: u32,
  // Where it began.
  token: u32,
  byte: u32,
  // The token that holds the last byte of the last character, and the byte after that.
  lastToken: u32,
  lastEnd: u32,
  // The same of the apostrophe that TAIL_APOSTROPHE speaks of.
  apostropheToken: u32,
  apostropheEnd: u32,
  // The last token of the last match.
  hasMatched: bool,
  matchedToken: u32,
}

// The last one only ends the children of the one before.
@group(0) @binding(4) var<storage, read> trie: array<Node>;

// The child that a symbol leads to; 0, which is nobody's child, where there is none.
fn childOf(node: u32, symbol: u32) -> u32 {
  let end = trie[node + 1u].firstChild;
  var low = trie[node].firstChild;
  var high = end;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (trie[middle].symbol < symbol) {
      low = middle + 1u;
    } else {
      high = middle;
    }
  }
  return select(0u, low, low < end && trie[low].symbol == symbol);
}

// Goes on with a symbol; false where no phrase does.
fn follow(walk: ptr<function, Walk>, symbol: u32) -> bool {
  let child = childOf((*walk).node, symbol);
  if (child == 0u) {
    return false;
  }
  (*walk).node = child;
  let gram = trie[child].gram;
  if (gram >= 0) {
    (*walk).hasMatched = true;
    (*walk).matchedToken = (*walk).lastToken;
    report(walk, gram);
  }
  return true;
}

fn followCharacter(walk: ptr<function, Walk>, character: Character) -> bool {
  (*walk).lastToken = character.token;
  (*walk).lastEnd = character.end;
  return follow(walk, character.code >> 3u);
}

fn followApostrophe(walk: ptr<function, Walk>) -> bool {
  (*walk).lastToken = (*walk).apostropheToken;
  (*walk).lastEnd = (*walk).apostropheEnd;
  return follow(walk, APOSTROPHE);
}

// Goes on to what belongs to no word.
fn leaveWord(walk: ptr<function, Walk>) -> bool {
  if ((*walk).tail == TAIL_WORD) {
    return follow(walk, WORD_END);
  }
  if ((*walk).tail == TAIL_APOSTROPHE) {
    if (!follow(walk, WORD_END)) {
      return false;
    }
    return followApostrophe(walk);
  }
  return true;
}

fn whiteSpaceTail(tail: u32, kind: u32) -> u32 {
  if (kind == CLASS_SPACE) {
    return select(max(tail, TAIL_SPACE), TAIL_LINE, tail == TAIL_CARRIAGE_RETURN);
  }
  if (tail == TAIL_CARRIAGE_RETURN && kind == CLASS_LINE_FEED) {
    return TAIL_LINE;
  }
  if (tail >= TAIL_LINE) {
    return TAIL_BLANK_LINE;
  }
  return select(TAIL_LINE, TAIL_CARRIAGE_RETURN, kind == CLASS_CARRIAGE_RETURN);
}

// Goes on with the first character. With isJoined it is an apostrophe after a word.
fn begin(walk: ptr<function, Walk>, character: Character, isJoined: bool) -> bool {
  let isWord = (character.code & 7u) == CLASS_WORD;
  if (isWord && !follow(walk, WORD_START)) {
    return false;
  }
  (*walk).tail = select(select(TAIL_GAP, TAIL_JOINED, isJoined), TAIL_WORD, isWord);
  return followCharacter(walk, character);
}

// Goes on to the end of the text; false where no phrase does.
fn advance(walk: ptr<function, Walk>, following: Place) -> bool {
  var place = following;
  while (settle(&place)) {
    let character = readCharacter(&place);
    let kind = character.code & 7u;
    if ((*walk).tail == TAIL_JOINED && kind != CLASS_WORD) {
      (*walk).tail = TAIL_GAP;
    }
    let tail = (*walk).tail;
    if (kind >= CLASS_SPACE) {
      if (!leaveWord(walk)) {
        return false;
      }
      (*walk).tail = whiteSpaceTail(tail, kind);
      continue;
    }
    let isSpace = tail >= TAIL_SPACE && tail <= TAIL_BLANK_LINE;
    if (isSpace && !follow(walk, select(SPACE, NEWLINE, tail == TAIL_BLANK_LINE))) {
      return false;
    }
    if (kind == CLASS_WORD) {
      if ((isSpace || tail == TAIL_GAP) && !follow(walk, WORD_START)) {
        return false;
      }
      if (tail == TAIL_APOSTROPHE && !followApostrophe(walk)) {
        return false;
      }
      (*walk).tail = TAIL_WORD;
    } else if (kind == CLASS_APOSTROPHE && tail == TAIL_WORD) {
      (*walk).apostropheToken = character.token;
      (*walk).apostropheEnd = character.end;
      (*walk).tail = TAIL_APOSTROPHE;
      continue;
    } else {
      if (!leaveWord(walk)) {
        return false;
      }
      (*walk).tail = TAIL_GAP;
    }
    if (!followCharacter(walk, character)) {
      return false;
    }
  }
  return true;
}

fn startOf(token: u32, byte: u32) -> Walk {
  return Walk(0u, TAIL_GAP, token, byte, token, 0u, 0u, 0u, false, 0u);
}

// A phrase that begins with a word character begins with a word, and none with white space.
fn canStart(kind: u32, before: u32, beforeThat: u32) -> bool {
  let isInside = before == CLASS_WORD || (before == CLASS_APOSTROPHE && beforeThat == CLASS_WORD);
  return kind < CLASS_SPACE && !(kind == CLASS_WORD && isInside);
}
`;

/**
 * WGSL that is run once for each token of the vocabulary: how a match may begin in it, whatever stands
 * before and behind. In most tokens none can, and in most others at one place, from where the token is
 * walked here once for all. The text is that of all ids, each a run.
 */
export const OPENINGS_SHADER = /* wgsl */ `${READ}${WALK}${INDEX}
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
  let tail = (opening.x >> TAIL_SHIFT) & 7u;
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
  var before = 0u;
  var beforeThat = 0u;
  for (var index = 0u; place.at < place.end; index++) {
    let byte = place.at - firstByte;
    let character = readCharacter(&place);
    if (character.isCut) {
      return somehow;
    }
    let kind = character.code & 7u;
    if (canStart(kind, before, beforeThat)) {
      let isApostrophe = kind == CLASS_APOSTROPHE;
      var walk = startOf(token, byte);
      var goesOn = begin(&walk, character, isApostrophe && before == CLASS_WORD) &&
        advance(&walk, place);
      // What cannot be said without what stands before the token.
      var depends = index == 1u && before == CLASS_APOSTROPHE && kind == CLASS_WORD;
      if (isApostrophe && index == 0u) {
        var joined = startOf(token, byte);
        goesOn = (begin(&joined, character, true) && advance(&joined, place)) || goesOn;
        walk.hasMatched = walk.hasMatched || joined.hasMatched;
        depends = true;
      }
      let isSecond = opening.x != 0u;
      if (walk.hasMatched || (goesOn && (isSecond || depends || walk.tail == TAIL_APOSTROPHE))) {
        return somehow;
      }
      if (goesOn) {
        opening.x = OPENS_ONCE | (walk.tail << TAIL_SHIFT) | (walk.node << NODE_SHIFT);
        opening.y = (byte << 1u) | select(0u, 1u, kind == CLASS_WORD && index == 0u);
      }
    }
    beforeThat = before;
    before = kind;
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

/** WGSL of the third step: each token in which a match may begin is walked on from. */
export const MATCH_SHADER = /* wgsl */ `${READ}${WALK}
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
  var back = place;
  var before = stepBackCharacter(&back);
  var beforeThat = stepBackCharacter(&back);
  while (settle(&place) && place.token <= token) {
    let start = place;
    let character = readCharacter(&place);
    let kind = character.code & 7u;
    if (start.token == token && canStart(kind, before, beforeThat)) {
      var walk = startOf(token, start.at - first.at);
      if (begin(&walk, character, kind == CLASS_APOSTROPHE && before == CLASS_WORD)) {
        finish(&walk, place);
      }
    }
    beforeThat = before;
    before = kind;
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
  if ((opening.y & 1u) != 0u) {
    var back = place;
    let before = stepBackCharacter(&back);
    if (!canStart(CLASS_WORD, before, stepBackCharacter(&back))) {
      return;
    }
  }
  var walk = startOf(token, opening.y >> 1u);
  walk.node = opening.x >> NODE_SHIFT;
  walk.tail = (opening.x >> TAIL_SHIFT) & 7u;
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
