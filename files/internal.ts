/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { errorInFile } from "./error_in_file.ts";
export { readTokenizer } from "./_read_tokenizer.ts";
export { readWhole } from "./read_whole.ts";
export { rolloutName } from "./rollout_name.ts";
export { rewriteLine } from "./rewrite_line.ts";
export { systemReason } from "./system_reason.ts";
export { WORK_MARKER } from "./work_marker.ts";
export { asWriting, isTemporaryFile, writeWhole } from "./write_whole.ts";
