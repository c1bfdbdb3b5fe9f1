/**
 * What the other folders of this package use, and nobody else.
 *
 * @module
 */
export { groupIndexes } from "./_arrays.ts";
export { checkGroups } from "./_groups.ts";
export { needsGroup, resolveConvention } from "./group_baseline.ts";
