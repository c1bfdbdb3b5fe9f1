import { classAt, DIGIT, isBlank, LINE_END } from "./_character_classes.ts";

/** A blank line. */
const PARAGRAPH_END = /(?:\r\n|\n|\r(?!\n))\p{White_Space}*?(?:\r\n|\n|\r(?!\n))/gu;
const COMMAND = /\\[A-Za-z]+\*?/y;
const ENVIRONMENT = /\\begin\{([^{}\n]{1,40})\}/y;

/** Finds where mathematics and code end, which never reach beyond a paragraph but for fenced code. */
export class MathematicsSpans {
  #text = "";
  #paragraphEnd = -1;

  /** Begins a text. Its places are asked for at rising positions. */
  reset(text: string): void {
    this.#text = text;
    this.#paragraphEnd = -1;
  }

  /** The end of the LaTeX that a backslash at `at` begins: a formula, an environment, a command with arguments. */
  latex(at: number): number {
    const next = this.#text[at + 1];
    if (next === "(") return this.#find("\\)", at + 2) ?? at + 2;
    if (next === "[") return this.#find("\\]", at + 2) ?? at + 2;
    if (this.#matches(ENVIRONMENT, at)) {
      const end = ENVIRONMENT.lastIndex;
      const name = this.#text.slice(at + "\\begin{".length, end - 1);
      return this.#find(`\\end{${name}}`, end) ?? end;
    }
    if (!this.#matches(COMMAND, at)) {
      // An escaped character; a line end after a backslash still ends the line.
      return classAt(this.#text, at + 1) === LINE_END ? at + 1 : at + 2;
    }
    let end = COMMAND.lastIndex;
    while (this.#text[end] === "{" || this.#text[end] === "[") {
      const close = this.#balanced(end);
      if (close === undefined) break;
      end = close;
    }
    return end;
  }

  /**
   * The end of the formula that a dollar at `at` opens, or of the dollar. As in Pandoc, `$` opens before and
   * closes after what is no white space, and does not close before a digit, so that "$5 or $10" is no
   * formula. `$ x $` on one line is one.
   */
  dollar(at: number): number {
    const text = this.#text;
    if (text[at + 1] === "$") return this.#find("$$", at + 2) ?? at + 2;
    const isSpaced = isBlank(classAt(text, at + 1));
    const limit = this.#endOfParagraph(at);
    for (let end = at + 1; end < limit; end++) {
      const character = text[end];
      if (character === "\\") end++;
      else if (isSpaced && classAt(text, end) === LINE_END) break;
      else if (character === "$") {
        if (isBlank(classAt(text, end - 1)) !== isSpaced) {
          if (isSpaced) break;
          continue;
        }
        if (classAt(text, end + 1) !== DIGIT) return end + 1;
      }
    }
    return at + 1;
  }

  /** The end of code in backticks, of which `fence` stands at `at`; three or more open a block. */
  code(at: number, fence: string): number {
    const start = at + fence.length;
    if (fence.length < 3) return this.#find(fence, start) ?? start;
    const close = this.#text.indexOf(fence, start);
    return close < 0 ? this.#text.length : close + fence.length; // a cut-off answer may end in code
  }

  /** The end of the bracket that opens at `start`, in the same paragraph. */
  #balanced(start: number): number | undefined {
    const open = this.#text[start]!;
    const close = open === "{" ? "}" : "]";
    const limit = this.#endOfParagraph(start);
    let depth = 0;
    for (let at = start; at < limit; at++) {
      const character = this.#text[at];
      if (character === "\\") at++;
      else if (character === open) depth++;
      else if (character === close && --depth === 0) return at + 1;
    }
    return undefined;
  }

  /** Where the next `close` of this paragraph ends. */
  #find(close: string, from: number): number | undefined {
    const found = this.#text.slice(from, this.#endOfParagraph(from)).indexOf(close);
    return found < 0 ? undefined : from + found + close.length;
  }

  #endOfParagraph(from: number): number {
    // Asked at rising positions only, so what was found holds until it is passed.
    if (this.#paragraphEnd >= from) return this.#paragraphEnd;
    PARAGRAPH_END.lastIndex = from;
    this.#paragraphEnd = PARAGRAPH_END.exec(this.#text)?.index ?? this.#text.length;
    return this.#paragraphEnd;
  }

  #matches(pattern: RegExp, at: number): boolean {
    pattern.lastIndex = at;
    return pattern.test(this.#text);
  }
}
