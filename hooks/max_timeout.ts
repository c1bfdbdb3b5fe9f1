/** The longest time that `setTimeout` can wait, in milliseconds: above, it does not wait at all. */
export const MAX_TIMEOUT = 2 ** 31 - 1;
