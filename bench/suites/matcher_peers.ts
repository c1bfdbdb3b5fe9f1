import { AhoCorasick as MonyoneAhoCorasick } from "@monyone/aho-corasick/fast";
import ModernAhoCorasick from "modern-ahocorasick";
import { BASE, EXTENDER, NO_WORD_AFTER, NO_WORD_BEFORE } from "../../sg/internal.ts";

/** Counts the occurrences of the grams that it was compiled from. */
export type Count = (text: string) => number;

/** A way to find grams in decoded text, as a careful user of the package would set it up. */
export interface Peer {
  readonly name: string;
  /** Finds all occurrences, inside words and overlapping ones too. */
  readonly allOccurrences: boolean;
  /** What must be done to decoded text before it is searched. */
  prepare(text: string): string;
  /** Compiles the grams, which are normalized and distinct. */
  compile(grams: readonly string[]): Count;
}

const lowerCased = (text: string): string => text.toLowerCase();

/** The packages and the plain way that the matcher is measured beside, each in its fastest class. */
export const PEERS: readonly Peer[] = [
  {
    name: "modern-ahocorasick",
    allOccurrences: true,
    prepare: lowerCased,
    compile(grams) {
      const automaton = new ModernAhoCorasick(grams);
      return (text) => automaton.search(text).length;
    },
  },
  {
    name: "@monyone/aho-corasick",
    allOccurrences: true,
    prepare: lowerCased,
    compile(grams) {
      const automaton = new MonyoneAhoCorasick([...grams]);
      return (text) => automaton.matchInText(text).length;
    },
  },
  {
    // No overlaps, ASCII word boundaries, no folding of typographic quotes and white space.
    name: "regular expression",
    allOccurrences: false,
    prepare: (text) => text,
    compile: (grams) => countOf(new RegExp(`(?<![\\w'])(?:${alternation(grams)})(?![\\w'])`, "gi")),
  },
];

/**
 * The matching rules as a regular expression over normalized text: it finds exactly our spans. It is
 * not timed.
 */
export function exactExpression(grams: readonly string[]): Count {
  const before = `(?:${NO_WORD_BEFORE}(?=${BASE})|(?!${BASE}))`;
  const ended = `${BASE}${EXTENDER}*`;
  const after = `(?:(?<=${ended})${NO_WORD_AFTER}|(?<!${ended}))`;
  return countOf(new RegExp(`${before}(?:${alternation(grams)})${after}`, "gv"));
}

/** Longest first, as an alternation takes the first branch that matches. */
function alternation(grams: readonly string[]): string {
  return grams.toSorted((a, b) => b.length - a.length).map(RegExp.escape).join("|");
}

function countOf(pattern: RegExp): Count {
  return (text) => {
    let count = 0;
    for (const _ of text.matchAll(pattern)) count++;
    return count;
  };
}
