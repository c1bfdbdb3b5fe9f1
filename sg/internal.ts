/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { Sign } from "./_automaton.ts";
export { unknownToken } from "./_scanner.ts";
export {
  BASE,
  CharacterClass,
  EXTENDER,
  foldCodePoint,
  MATCHING_VERSION,
  normalizeText,
} from "./_normalize.ts";
export {
  gramPattern,
  literalPattern,
  NO_WORD_AFTER,
  NO_WORD_BEFORE,
  WORD,
  WORD_RUN,
} from "./_word_patterns.ts";
