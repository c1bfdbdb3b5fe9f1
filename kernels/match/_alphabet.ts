/** The symbols that {@linkcode PhraseTables} fixes. */
export const Symbols: {
  readonly wordStart: 1;
  readonly wordEnd: 2;
  readonly space: 3;
  readonly newline: 4;
  readonly apostrophe: 5;
} = { wordStart: 1, wordEnd: 2, space: 3, newline: 4, apostrophe: 5 };

/** The classes of characters; what is not below `space` is white space. */
export const Classes: {
  readonly other: 0;
  readonly word: 1;
  readonly apostrophe: 2;
  readonly space: 3;
  readonly lineFeed: 4;
  readonly carriageReturn: 5;
} = { other: 0, word: 1, apostrophe: 2, space: 3, lineFeed: 4, carriageReturn: 5 };

/** Blocks of 256 code points in Unicode. */
export const NUM_BLOCKS = 0x1100;
