import type { CheckedBatch } from "../batch/mod.ts";
import type { TokenBytes } from "../sg/mod.ts";

/** A node of the tree of all grams, character by character. */
type Node = Map<string, Node>;

const WORD = /[\p{L}\p{N}_]/u;

/**
 * Measures how often a token goes on with a partial match: the token's first character goes on with
 * the beginning of some gram, which itself began at a word boundary before the token. Case is folded;
 * quotes and white space are taken as they stand, which hardly changes the share.
 *
 * @param batch What `joinBatches` returns.
 * @param table The bytes of its tokens.
 * @param grams Normalised grams.
 * @returns The share of all tokens.
 */
export function partialMatchShare(
  { offsets, tokenIds, numTokens }: CheckedBatch,
  table: TokenBytes,
  grams: readonly string[],
): number {
  const root = treeOf(grams);
  let goingOn = 0;
  for (let s = 0; s + 1 < offsets.length; s++) {
    let text = "";
    const starts: number[] = [];
    // A character for each byte: of partial matches, only where they begin and end counts.
    for (const id of tokenIds!.subarray(offsets[s]!, offsets[s + 1]!)) {
      starts.push(text.length);
      text += latin1(table.bytes.subarray(table.offsets[id]!, table.offsets[id + 1]!));
    }
    const reached = reach(root, text.toLowerCase());
    for (const start of starts) if (reached[start]! > start) goingOn++;
  }
  return goingOn / numTokens;
}

/** For each position, how far the partial matches that began before it go. */
function reach(root: Node, text: string): Int32Array {
  const reached = new Int32Array(text.length + 1);
  let furthest = 0;
  let afterWord = false;
  for (let start = 0; start < text.length; start++) {
    reached[start] = furthest;
    const isWord = WORD.test(text[start]!);
    if (!(isWord && afterWord)) {
      let node = root.get(text[start]!);
      let end = start;
      while (node !== undefined) node = node.get(text[++end]!);
      furthest = Math.max(furthest, end);
    }
    afterWord = isWord;
  }
  return reached;
}

function treeOf(grams: readonly string[]): Node {
  const root: Node = new Map();
  for (const gram of grams) {
    let node = root;
    for (const byte of latin1(new TextEncoder().encode(gram))) {
      let next = node.get(byte);
      if (next === undefined) node.set(byte, next = new Map());
      node = next;
    }
  }
  return root;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
