/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { errorInFile } from "./_error_in_file.ts";
export { WORK_MARKER } from "./mining/work_marker.ts";
export { readTokenizer } from "./load_tokenizer.ts";
export { readWhole } from "./read_whole.ts";
export { systemReason } from "./system_reason.ts";
export { isTemporaryFile, writeWhole } from "./write_whole.ts";
