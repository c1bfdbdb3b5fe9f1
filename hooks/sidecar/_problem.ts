const MAX_MESSAGE = 2_000;

/** A request that cannot be served: what the client is told, with the HTTP status. */
export class Problem extends Error {
  override readonly name = "Problem";

  /**
   * @param status HTTP status.
   * @param code What a program tells problems apart by.
   * @param message What a person reads.
   */
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

/**
 * What to answer when something was thrown while a request was read or computed.
 *
 * The checks of this package say what they cannot do; any other error is our own fault.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof Error && error.message.startsWith("Cannot ")) {
    // What came with the request may stand in it, and be long.
    return new Problem(400, "bad_request", error.message.slice(0, MAX_MESSAGE));
  }
  return new Problem(500, "internal", error instanceof Error ? error.message : String(error));
}
