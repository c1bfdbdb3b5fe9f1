import { type Automaton, characterCode } from "./_automaton.ts";
import { BASE, CharacterClass, EXTENDER } from "./_normalize.ts";
import type { TokenBytes } from "./token_bytes.ts";

/**
 * What phrase matching knows of a tokenizer and of the phrases, as plain arrays: what
 * `SgMatcher.phraseTables()` returns.
 *
 * The text is read as symbols: every character has one, its letters folded, and marks stand where a
 * word begins and where it ends. Symbols 1 to 6 are fixed: word start, word end, space, newline (white
 * space with two line ends or more), apostrophe and hyphen; 0 stands in no phrase. The phrases are a trie over
 * these symbols, its nodes in breadth-first order, node 0 the root.
 */
export interface PhraseTables {
  /** The bytes of all tokens, one after the other in the order of their ids. */
  readonly tokenBytes: Uint8Array;
  /** `[vocabulary + 1]`: token `id` spells `tokenBytes[byteOffsets[id] .. byteOffsets[id + 1])`. */
  readonly byteOffsets: Int32Array;
  /** `[4352]`: page of each block of 256 code points; blocks with equal codes share one. */
  readonly characterPages: Uint16Array;
  /**
   * `[256 * pages]`: `symbol << 3 | class` of each character of a page. Classes are 0 for any other
   * character, 1 for a base, 2 for an apostrophe, 3 for a hyphen, 4 for an extender, 5 for white space, 6
   * for LF, 7 for CR.
   */
  readonly characterCodes: Uint32Array;
  /** `[nodes + 1]`: the children of `n` are the nodes `[firstChild[n], firstChild[n + 1])`. */
  readonly firstChild: Int32Array;
  /** `[nodes]`: the symbol that leads to a node; ascending among the children of one node. */
  readonly symbols: Int32Array;
  /** `[nodes]`: the gram that ends at a node, -1 for none. */
  readonly grams: Int32Array;
}

const BLOCK = 256;
const NUM_BLOCKS = 0x110000 / BLOCK;

/** The tables that the GPU matcher reads: the trie without its failure links, and every character. */
export function phraseTables(automaton: Automaton, { bytes, offsets }: TokenBytes): PhraseTables {
  const { alphabet, firstChild, symbols, gram } = automaton;
  const inGrams = new Set(Array.from(alphabet.keys(), (codePoint) => codePoint >> 8));
  const characterPages = new Uint16Array(NUM_BLOCKS);
  const pages: Uint32Array[] = [];
  const pageOf = new Map<string, number>();
  const uniform = classesOfBlocks();
  for (let block = 0; block < NUM_BLOCKS; block++) {
    const kind = inGrams.has(block) ? undefined : uniform[block];
    const page = kind === undefined
      ? characterPage(block, alphabet)
      : new Uint32Array(BLOCK).fill(kind);
    const key = kind === undefined ? page.join() : `all ${kind}`;
    let index = pageOf.get(key);
    if (index === undefined) {
      index = pages.push(page) - 1;
      pageOf.set(key, index);
    }
    characterPages[block] = index;
  }
  const characterCodes = new Uint32Array(BLOCK * pages.length);
  pages.forEach((page, index) => characterCodes.set(page, BLOCK * index));
  return {
    tokenBytes: bytes.slice(),
    byteOffsets: offsets.slice(),
    characterPages,
    characterCodes,
    firstChild: firstChild.slice(),
    symbols: symbols.slice(),
    grams: gram.slice(),
  };
}

function characterPage(block: number, alphabet: ReadonlyMap<number, number>): Uint32Array {
  return Uint32Array.from(
    { length: BLOCK },
    (_, low) => characterCode(BLOCK * block + low, alphabet),
  );
}

const UNIFORM: [kind: number, pattern: RegExp][] = [
  [CharacterClass.base, new RegExp(`^${BASE}*$`, "v")],
  [CharacterClass.other, new RegExp(`^[^${BASE}${EXTENDER}\\p{White_Space}'\\-]*$`, "v")],
];

let classes: readonly (number | undefined)[] | undefined;

/**
 * The class of all characters of each block, where they are of one and folding changes none of them: most
 * of Unicode is ideographs or unassigned. A fact of Unicode, so asked for once, which takes 0.1 s.
 */
function classesOfBlocks(): readonly (number | undefined)[] {
  return classes ??= Array.from({ length: NUM_BLOCKS }, (_, block) => {
    const codePoints = Array.from({ length: BLOCK }, (_, low) => BLOCK * block + low);
    const text = String.fromCodePoint(...codePoints);
    if (text.toLowerCase() !== text) return undefined;
    return UNIFORM.find(([, pattern]) => pattern.test(text))?.[0];
  });
}
