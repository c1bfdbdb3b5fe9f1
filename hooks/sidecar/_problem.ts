import { visibleLine } from "../../batch/internal.ts";
import { type InputError, isInputError } from "../../batch/mod.ts";

/** A request that cannot be served: what the client is told, with the HTTP status. */
export class Problem extends Error {
  override readonly name = "Problem";

  /**
   * @param status HTTP status.
   * @param code What a program tells problems apart by.
   * @param message What a person reads.
   */
  constructor(readonly status: number, readonly code: string, message: string) {
    super(visibleLine(message)); // what came with the request may stand in it
  }
}

/**
 * What to answer when something was thrown while a request was read or computed.
 *
 * Errors of the package's own classes say what is wrong with the request; any other is our own fault.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isInputError(error)) return new Problem(400, wireCode(error), error.message);
  return new Problem(500, "internal", error instanceof Error ? error.message : String(error));
}

/** Most mistakes are for a person to read; a client acts on some. */
function wireCode({ code }: InputError): string {
  return code === "token_outside_vocabulary" ? code : "bad_request";
}
