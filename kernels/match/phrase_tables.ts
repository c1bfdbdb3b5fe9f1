/**
 * What phrase matching knows of a tokenizer and of the phrases, as plain arrays: what
 * `SgMatcher.phraseTables()` returns.
 *
 * The text is read as symbols: every character has one, its letters folded, and marks stand where a
 * word begins and where it ends. Symbols 1 to 5 are fixed: word start, word end, space, newline (white
 * space with two line ends or more) and apostrophe; 0 stands in no phrase. The phrases are a trie over
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
   * character, 1 for a letter, digit or `_`, 2 for an apostrophe, 3 for white space, 4 for LF, 5 for CR.
   */
  readonly characterCodes: Uint32Array;
  /** `[nodes + 1]`: the children of `n` are the nodes `[firstChild[n], firstChild[n + 1])`. */
  readonly firstChild: Int32Array;
  /** `[nodes]`: the symbol that leads to a node; ascending among the children of one node. */
  readonly symbols: Int32Array;
  /** `[nodes]`: the gram that ends at a node, -1 for none. */
  readonly grams: Int32Array;
}
