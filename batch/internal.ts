/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { checkOptions, strictOptions } from "./check_options.ts";
export { didYouMean } from "./did_you_mean.ts";
export { parseJson } from "./parse_json.ts";
export { visibleLine, visibleText, warnOnConsole } from "./visible_text.ts";
