/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { systemReason } from "./system_reason.ts";
export { isTemporaryFile, writeWhole } from "./write_whole.ts";
