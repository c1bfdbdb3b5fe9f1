/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { Sign } from "./_automaton.ts";
export { unknownToken } from "./_scanner.ts";
export { CharacterClass, foldCodePoint, normalizeText } from "./_normalize.ts";
