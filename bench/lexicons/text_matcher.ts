import { type Lexicon, SgMatcher, type TokenBytes } from "../../sg/mod.ts";

/** Half-open range of a text, in UTF-16 code units, that spells a gram. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
  readonly gramIndex: number;
}

/** Finds the grams of a lexicon in text: the module's own matcher, with a token for every byte. */
export class TextMatcher {
  readonly #matcher: SgMatcher;

  /**
   * Compiles the matcher.
   *
   * @param lexicon The lexicon.
   */
  constructor(lexicon: Lexicon) {
    this.#matcher = SgMatcher.compile(lexicon, BYTES);
  }

  /**
   * Marks what the matches cover.
   *
   * @param text A text.
   * @returns `[text.length]`: 1 for a UTF-16 code unit of a character of any match.
   */
  cover(text: string): Uint8Array {
    const { planningMask } = this.#match(text);
    if (planningMask.length === text.length) return planningMask;
    const unitOfByte = unitsOfBytes(text);
    const covered = new Uint8Array(text.length);
    for (let b = 0; b < planningMask.length; b++) {
      if (planningMask[b] === 0) continue;
      covered.fill(1, unitOfByte[b]!, unitOfByte[b]! + unitsAt(text, unitOfByte[b]!));
    }
    return covered;
  }

  /**
   * Finds the leftmost-longest matches that do not overlap.
   *
   * @param text A text.
   * @returns The matches, in order.
   */
  spans(text: string): TextSpan[] {
    const { spans } = this.#match(text);
    const unitOfByte = unitsOfBytes(text);
    return Array.from({ length: spans.length / 3 }, (_, s) => {
      const last = unitOfByte[spans[3 * s + 1]! - 1]!;
      return {
        start: unitOfByte[spans[3 * s]!]!,
        end: last + unitsAt(text, last),
        gramIndex: spans[3 * s + 2]!,
      };
    });
  }

  #match(text: string): { planningMask: Uint8Array; spans: Int32Array } {
    const tokenIds = Int32Array.from(ENCODER.encode(text));
    return this.#matcher.match({
      offsets: Int32Array.of(0, tokenIds.length),
      tokenIds,
      lossMask: new Uint8Array(tokenIds.length).fill(1),
    });
  }
}

const ENCODER = new TextEncoder();

/** A vocabulary in which id b spells byte b. */
const BYTES: TokenBytes = {
  model: "byte-level",
  vocabSize: 256,
  bytes: Uint8Array.from({ length: 256 }, (_, b) => b),
  offsets: Int32Array.from({ length: 257 }, (_, b) => b),
  special: new Uint8Array(256),
};

/** `[bytes]`: where the character of each UTF-8 byte begins. */
function unitsOfBytes(text: string): Int32Array {
  const units: number[] = [];
  for (let at = 0; at < text.length; at += unitsAt(text, at)) {
    const code = text.codePointAt(at)!;
    const numBytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (let b = 0; b < numBytes; b++) units.push(at);
  }
  return Int32Array.from(units);
}

function unitsAt(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1;
}
