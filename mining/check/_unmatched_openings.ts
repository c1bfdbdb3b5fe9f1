import { JOIN_TEXTS } from "../corpus/_cut_text.ts";
import { SentenceCutter } from "../corpus/_sentences.ts";
import type { MissedOpening } from "./lexicon_check.ts";

/** Words of an opening. */
const WORDS = { least: 2, most: 3 } as const;
/** Characters of a sentence that is shown. */
const SHOWN = 100;
/** Distinct openings that are counted, so that memory is bounded; later ones are rare. */
const MAX_OPENINGS = 2 ** 20;

interface Count {
  sentences: number;
  solutions: number;
  lastSolution: number;
  readonly example: string;
}

/** Counts how sentences begin that hold no match. */
export class UnmatchedOpenings {
  readonly #cutter = new SentenceCutter("word");
  readonly #counts = new Map<string, Count>();
  #solutions = 0;

  /** Counts those of a text; `cover` is 1 for each of its UTF-16 units in a match. */
  add(text: string, cover: Uint8Array): void {
    const solution = this.#solutions++;
    const cut = this.#cutter.cut(text);
    for (let w = 0; w < cut.numWords;) {
      const sentence = cut.sentences[w]!;
      const [start, end] = [cut.sentenceStarts[sentence]!, cut.sentenceEnds[sentence]!];
      let opening = "";
      let numWords = 0;
      while (numWords < WORDS.most && w < cut.numWords && cut.sentences[w] === sentence) {
        opening += String.fromCharCode(...cut.folded.subarray(cut.starts[w], cut.ends[w]));
        numWords++;
        const join = cut.joins[w++]!;
        if (join === 0 || numWords === WORDS.most) break;
        opening += JOIN_TEXTS[join];
      }
      if (numWords >= WORDS.least && !cover.subarray(start, end).includes(1)) {
        this.#count(opening.trimEnd(), solution, () => text.slice(start, end));
      }
      while (w < cut.numWords && cut.sentences[w] === sentence) w++;
    }
  }

  /** The openings in most solutions, then in most sentences. */
  mostFrequent(limit: number): MissedOpening[] {
    return Array.from(
      this.#counts,
      ([text, { sentences, solutions, example }]) => ({ text, sentences, solutions, example }),
    )
      .sort((a, b) =>
        b.solutions - a.solutions || b.sentences - a.sentences || (a.text < b.text ? -1 : 1)
      )
      .slice(0, limit);
  }

  #count(opening: string, solution: number, sentence: () => string): void {
    let count = this.#counts.get(opening);
    if (count === undefined) {
      if (this.#counts.size >= MAX_OPENINGS) return;
      const text = sentence().replace(/\s+/g, " ").trim();
      const example = text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
      this.#counts.set(opening, count = { sentences: 0, solutions: 0, lastSolution: -1, example });
    }
    count.sentences++;
    if (count.lastSolution !== solution) count.solutions++;
    count.lastSolution = solution;
  }
}
