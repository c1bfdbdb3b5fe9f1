/**
 * A walk through the trie: from a character and what follows it as far as a phrase goes on. Failure links
 * are not needed, as every start has its own walk (PFAC: Lin et al., "Accelerating string matching using
 * multi-threaded algorithm on GPU", GLOBECOM 2010). `report` is the caller's.
 */
export const WALK: string = /* wgsl */ `
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
  // The same of the joiner that TAIL_APOSTROPHE and TAIL_HYPHEN speak of.
  joinerToken: u32,
  joinerEnd: u32,
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

fn isJoining(tail: u32) -> bool {
  return tail == TAIL_APOSTROPHE || tail == TAIL_HYPHEN;
}

fn followJoiner(walk: ptr<function, Walk>) -> bool {
  (*walk).lastToken = (*walk).joinerToken;
  (*walk).lastEnd = (*walk).joinerEnd;
  return follow(walk, select(HYPHEN, APOSTROPHE, (*walk).tail == TAIL_APOSTROPHE));
}

// Goes on to what belongs to no word.
fn leaveWord(walk: ptr<function, Walk>) -> bool {
  if ((*walk).tail == TAIL_WORD) {
    return follow(walk, WORD_END);
  }
  if (isJoining((*walk).tail)) {
    if (!follow(walk, WORD_END)) {
      return false;
    }
    return followJoiner(walk);
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

// Goes on with the first character, by what stands before it.
fn begin(walk: ptr<function, Walk>, character: Character, before: u32) -> bool {
  let kind = character.code & 7u;
  if (kind == CLASS_BASE && !follow(walk, WORD_START)) {
    return false;
  }
  let behind = beforeNext(before, kind);
  (*walk).tail = select(select(TAIL_GAP, TAIL_JOINED, behind == BEFORE_JOINER), TAIL_WORD, behind == BEFORE_WORD);
  return followCharacter(walk, character);
}

// Goes on to the end of the text; false where no phrase does.
fn advance(walk: ptr<function, Walk>, following: Place) -> bool {
  var place = following;
  while (settle(&place)) {
    let character = readCharacter(&place);
    let kind = character.code & 7u;
    if ((*walk).tail == TAIL_JOINED && kind != CLASS_BASE) {
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
    if (kind == CLASS_BASE) {
      if ((isSpace || tail == TAIL_GAP) && !follow(walk, WORD_START)) {
        return false;
      }
      if (isJoining(tail) && !followJoiner(walk)) {
        return false;
      }
      (*walk).tail = TAIL_WORD;
    } else if (isJoiner(kind) && tail == TAIL_WORD) {
      (*walk).joinerToken = character.token;
      (*walk).joinerEnd = character.end;
      (*walk).tail = select(TAIL_HYPHEN, TAIL_APOSTROPHE, kind == CLASS_APOSTROPHE);
      continue;
    } else if (kind != CLASS_EXTENDER || tail != TAIL_WORD) {
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

// A phrase that begins with a base begins with a word, and none with white space.
fn canStart(kind: u32, before: u32) -> bool {
  return kind < CLASS_SPACE && !(kind == CLASS_BASE && before != BEFORE_GAP);
}
`;
