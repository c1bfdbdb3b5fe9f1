import { CharacterClass, Sign } from "../../sg/internal.ts";
import { FLAGS } from "./_text_wgsl.ts";

/** What the vocabulary and the text are, and how characters are read. */
export const READ: string = /* wgsl */ `${FLAGS}
const WORD_START = ${Sign.wordStart}u;
const WORD_END = ${Sign.wordEnd}u;
const SPACE = ${Sign.space}u;
const NEWLINE = ${Sign.newline}u;
const APOSTROPHE = ${Sign.apostrophe}u;
const HYPHEN = ${Sign.hyphen}u;

const CLASS_BASE = ${CharacterClass.base}u;
const CLASS_APOSTROPHE = ${CharacterClass.apostrophe}u;
const CLASS_HYPHEN = ${CharacterClass.hyphen}u;
const CLASS_EXTENDER = ${CharacterClass.extender}u;
const CLASS_SPACE = ${CharacterClass.space}u;
const CLASS_LINE_FEED = ${CharacterClass.lineFeed}u;
const CLASS_CARRIAGE_RETURN = ${CharacterClass.carriageReturn}u;

const REPLACEMENT = 0xfffdu;

// What the text read so far ends with.
const TAIL_GAP = 0u; // the start of the text, or a character outside any word
const TAIL_WORD = 1u; // a base, or what extends one
const TAIL_APOSTROPHE = 2u; // an apostrophe after a word, not yet read: the next character decides
const TAIL_HYPHEN = 3u; // a hyphen, the same
const TAIL_SPACE = 4u; // white space without a line end
const TAIL_LINE = 5u; // white space with one line end
const TAIL_CARRIAGE_RETURN = 6u; // the same, its last character a CR, to which an LF would belong
const TAIL_BLANK_LINE = 7u; // white space with two line ends or more
const TAIL_JOINED = 8u; // the joiner after a word that the walk began with

// What stands before a character: what a word may go on behind, or a joiner behind such.
const BEFORE_GAP = 0u;
const BEFORE_WORD = 1u;
const BEFORE_JOINER = 2u;

// How a match may begin in a token of the vocabulary: the flag, and for OPENS_ONCE what the token has been
// walked to.
const TAIL_SHIFT = 5u;
const TAIL_MASK = 15u;
const NODE_SHIFT = 9u;

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

fn isJoiner(kind: u32) -> bool {
  return kind == CLASS_APOSTROPHE || kind == CLASS_HYPHEN;
}

// What stands before the next character, from what stood before one of a class.
fn beforeNext(before: u32, kind: u32) -> u32 {
  if (kind == CLASS_BASE || (kind == CLASS_EXTENDER && before == BEFORE_WORD)) {
    return BEFORE_WORD;
  }
  return select(BEFORE_GAP, BEFORE_JOINER, isJoiner(kind) && before == BEFORE_WORD);
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
