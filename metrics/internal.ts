/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { missingWarnings } from "./missing_warnings.ts";
