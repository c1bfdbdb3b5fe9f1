/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { visibleLine, visibleText, warnOnConsole } from "./visible_text.ts";
