/** A mistake in the arguments that only shows when they are looked at together. */
export class UsageError extends Error {}
