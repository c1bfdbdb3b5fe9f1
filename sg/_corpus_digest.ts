import { sha256 } from "./_sha256.ts";

/**
 * SHA-256 over the UTF-8 text of the documents in their order, each followed by one zero byte, so that
 * a text moved from one document to the next changes it.
 */
export async function corpusDigest(documents: readonly string[]): Promise<string> {
  return await sha256(documents.map((text) => `${text}\0`).join(""));
}
