/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { foldCodePoint, normaliseText } from "./_normalise.ts";
