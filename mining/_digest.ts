import { createHash } from "node:crypto";
import type { Buffer } from "node:buffer";

/** SHA-256 of a text in UTF-8, or of bytes. */
export function sha256(content: string | Uint8Array): Buffer {
  return createHash("sha256").update(content).digest();
}

/** SHA-256 over the digests of the parts, so that no two lists of parts are confused. */
export function digestOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(sha256(part));
  return `sha256:${hash.digest("hex")}`;
}
