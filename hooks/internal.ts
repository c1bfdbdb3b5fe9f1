/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { MAX_TIMEOUT } from "./max_timeout.ts";
