/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { metricsOptionsSchema } from "./_metrics_options.ts";
export { missingWarnings } from "./missing_warnings.ts";
export { MOST_OF_ONE_GRAM, MOST_PLANNING, phraseWarnings } from "./phrase_warnings.ts";
