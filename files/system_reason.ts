import { getSystemErrorMap } from "node:util";

const REASONS = new Map(getSystemErrorMap().values());

/** What an error of the system says, without its code, call and path; `undefined` if it is another's. */
export function systemReason(error: unknown): string | undefined {
  return REASONS.get((error as { code?: unknown } | null | undefined)?.code as string);
}
