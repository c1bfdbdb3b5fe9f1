import { CharacterClass, classify, foldCodePoint, normalizeText } from "./_normalize.ts";

/**
 * Symbols of the automaton's alphabet. The text is read as characters with a mark where a word
 * begins and where it ends, so that "at a word boundary" is part of the pattern and every match the
 * automaton finds is valid. Characters of the lexicon follow from `firstCharacter` on.
 */
export const Sign: {
  /** A character that stands in no gram. */
  readonly none: 0;
  readonly wordStart: 1;
  readonly wordEnd: 2;
  readonly space: 3;
  readonly newline: 4;
  readonly apostrophe: 5;
  readonly hyphen: 6;
  readonly firstCharacter: 7;
} = {
  none: 0,
  wordStart: 1,
  wordEnd: 2,
  space: 3,
  newline: 4,
  apostrophe: 5,
  hyphen: 6,
  firstCharacter: 7,
};

/**
 * Aho and Corasick's automaton over the symbols of a lexicon, its trie in breadth-first order so that
 * the children of a node are neighbors, sorted by symbol. Node 0 is the root.
 */
export interface Automaton {
  /** Sign of each folded character that stands in a gram. */
  readonly alphabet: ReadonlyMap<number, number>;
  /** `[symbols]`: 1 for what may end a word, a base or an extender. */
  readonly endsWord: Uint8Array;
  /** `[nodes + 1]`: the children of `n` are the nodes `[firstChild[n], firstChild[n + 1])`. */
  readonly firstChild: Int32Array;
  /** `[nodes]`: the symbol that leads to the node. */
  readonly symbols: Int32Array;
  /** `[nodes]`: the longest proper suffix that is a node too. */
  readonly suffix: Int32Array;
  /** `[nodes]`: the node itself or its longest suffix that ends a gram; 0 for none. */
  readonly output: Int32Array;
  /** `[nodes]`: gram that ends at the node, -1 for none. */
  readonly gram: Int32Array;
  /** `[nodes]`: number of characters, marks not counted, on the way from the root. */
  readonly depth: Int32Array;
  /** Number of characters of the longest gram. */
  readonly longest: number;
}

/** Builds the automaton of some grams. Empty grams match nothing; of equal ones the first counts. */
export function buildAutomaton(grams: readonly string[]): Automaton {
  const alphabet = new Map<number, number>([
    [0x20, Sign.space],
    [0x0a, Sign.newline],
    [0x27, Sign.apostrophe],
    [0x2d, Sign.hyphen],
  ]);
  const patterns: { symbols: number[]; gram: number }[] = [];
  grams.forEach((gram, index) => {
    for (const symbols of encode(normalizeText(gram), alphabet)) {
      patterns.push({ symbols, gram: index });
    }
  });
  patterns.sort((a, b) => compare(a.symbols, b.symbols) || a.gram - b.gram);

  const capacity = 1 + patterns.reduce((total, { symbols }) => total + symbols.length, 0);
  const firstChild = new Int32Array(capacity + 1);
  const symbols = new Int32Array(capacity);
  const suffix = new Int32Array(capacity);
  const output = new Int32Array(capacity);
  const gram = new Int32Array(capacity).fill(-1);
  const depth = new Int32Array(capacity);
  // Range of the sorted patterns that pass through a node, and how many of their symbols are read.
  const low = new Int32Array(capacity);
  const high = new Int32Array(capacity);
  const read = new Int32Array(capacity);
  high[0] = patterns.length;

  let nodes = 1;
  for (let node = 0; node < nodes; node++) {
    firstChild[node] = nodes;
    const at = read[node]!;
    let from = low[node]!;
    const end = high[node]!;
    // Shorter patterns sort first: those that end here stand before those that go on.
    while (from < end && patterns[from]!.symbols.length === at) {
      if (gram[node] === -1) gram[node] = patterns[from]!.gram;
      from++;
    }
    if (node !== 0) output[node] = gram[node]! >= 0 ? node : output[suffix[node]!]!;
    while (from < end) {
      const symbol = patterns[from]!.symbols[at]!;
      let to = from + 1;
      while (to < end && patterns[to]!.symbols[at] === symbol) to++;
      const child = nodes++;
      symbols[child] = symbol;
      low[child] = from;
      high[child] = to;
      read[child] = at + 1;
      depth[child] = depth[node]! +
        (symbol === Sign.wordStart || symbol === Sign.wordEnd ? 0 : 1);
      suffix[child] = node === 0
        ? 0
        : follow({ firstChild, symbols, suffix }, suffix[node]!, symbol);
      from = to;
    }
  }
  firstChild[nodes] = nodes;
  return {
    alphabet,
    endsWord: wordSymbols(alphabet),
    firstChild: firstChild.slice(0, nodes + 1),
    symbols: symbols.slice(0, nodes),
    suffix: suffix.slice(0, nodes),
    output: output.slice(0, nodes),
    gram: gram.slice(0, nodes),
    depth: depth.slice(0, nodes),
    longest: depth.reduce((longest, value) => Math.max(longest, value), 0),
  };
}

/** The node that reading `symbol` leads to from `node`. */
export function follow(
  { firstChild, symbols, suffix }: Pick<Automaton, "firstChild" | "symbols" | "suffix">,
  node: number,
  symbol: number,
): number {
  while (true) {
    let from = firstChild[node]!;
    let to = firstChild[node + 1]!;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (symbols[middle]! < symbol) from = middle + 1;
      else to = middle;
    }
    if (from < firstChild[node + 1]! && symbols[from] === symbol) return from;
    if (node === 0) return 0;
    node = suffix[node]!;
  }
}

/**
 * The symbol sequences that spell a normalized gram. There is one, unless the gram starts with an
 * extender or a joiner, or ends with a joiner: then the character outside decides whether it belongs to
 * a word, and each case has a sequence.
 */
function encode(gram: string, alphabet: Map<number, number>): number[][] {
  const characters = Array.from(gram, (character) => character.codePointAt(0)!);
  if (characters.length === 0) return [];
  const kinds = characters.map(classify);
  const symbols = characters.map((character) => {
    let symbol = alphabet.get(character);
    if (symbol === undefined) {
      symbol = alphabet.size - PRESET + Sign.firstCharacter;
      alphabet.set(character, symbol);
    }
    return symbol;
  });
  const opens = isJoiner(kinds[0]!) || kinds[0] === CharacterClass.extender;
  const closes = isJoiner(kinds.at(-1)!);
  const sequences: number[][] = [];
  for (const wordBefore of opens ? [false, true] : [false]) {
    for (const baseAfter of closes ? [false, true] : [false]) {
      const sequence: number[] = [];
      let inWord = wordBefore;
      // Whether a base of the gram itself is in the word: only then does the gram end with its word.
      let hasBase = false;
      kinds.forEach((kind, i) => {
        const baseNext = i + 1 < kinds.length ? kinds[i + 1] === CharacterClass.base : baseAfter;
        const isInWord = kind === CharacterClass.base ||
          (inWord && (kind === CharacterClass.extender || (isJoiner(kind) && baseNext)));
        if (isInWord && !inWord) sequence.push(Sign.wordStart);
        if (!isInWord && inWord && i > 0) sequence.push(Sign.wordEnd);
        hasBase = isInWord && (hasBase || kind === CharacterClass.base);
        inWord = isInWord;
        sequence.push(symbols[i]!);
      });
      if (hasBase && !isJoiner(kinds.at(-1)!)) sequence.push(Sign.wordEnd);
      sequences.push(sequence);
    }
  }
  return sequences;
}

/** Characters that the alphabet holds before any gram is read. */
const PRESET = 4;

/** Whether a character joins what stands on its sides to one word. */
export function isJoiner(kind: number): boolean {
  return kind === CharacterClass.apostrophe || kind === CharacterClass.hyphen;
}

function wordSymbols(alphabet: ReadonlyMap<number, number>): Uint8Array {
  const endsWord = new Uint8Array(Sign.firstCharacter + alphabet.size);
  for (const [character, symbol] of alphabet) {
    const kind = classify(character);
    endsWord[symbol] = Number(kind === CharacterClass.base || kind === CharacterClass.extender);
  }
  return endsWord;
}

function compare(a: readonly number[], b: readonly number[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}

/** Folded character to symbol and class, `symbol << 3 | class`. */
export function characterCode(codePoint: number, alphabet: ReadonlyMap<number, number>): number {
  const folded = foldCodePoint(codePoint);
  return (alphabet.get(folded) ?? Sign.none) << 3 | classify(folded);
}
