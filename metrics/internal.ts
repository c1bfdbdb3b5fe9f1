/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { metricsOptionsSchema } from "./_metrics_options.ts";
export { missingWarnings } from "./missing_warnings.ts";
