import { createHash } from "node:crypto";

/** SHA-256 over the digests of the parts, so that no two lists of parts are confused. */
export function digestOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(createHash("sha256").update(part).digest());
  return `sha256:${hash.digest("hex")}`;
}
