import { type CutText, JOIN_TEXTS } from "../corpus/_cut_text.ts";

/** The words of a text with what joins them, one after the other, so that each gram is one stretch. */
export class JoinedWords {
  units = new Uint16Array(0);
  /** Where each word begins and ends in `units`. */
  starts = new Int32Array(0);
  ends = new Int32Array(0);

  /** Joins the words of a text; those of the last one are gone. */
  read({ numWords, starts, ends, joins, folded }: CutText): void {
    if (this.starts.length < numWords) {
      this.starts = new Int32Array(2 * numWords);
      this.ends = new Int32Array(2 * numWords);
    }
    // What joins words is at most as long as a text has between them.
    if (this.units.length < folded.length) this.units = new Uint16Array(folded.length);
    const units = this.units;
    let at = 0;
    for (let word = 0; word < numWords; word++) {
      this.starts[word] = at;
      for (let i = starts[word]!; i < ends[word]!; i++) units[at++] = folded[i]!;
      this.ends[word] = at;
      const join = JOIN_TEXTS[joins[word]!]!;
      for (let i = 0; i < join.length; i++) units[at++] = join.charCodeAt(i);
    }
  }
}
