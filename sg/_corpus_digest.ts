/**
 * SHA-256 over the UTF-8 text of the documents in their order, each followed by one zero byte, so that
 * a text moved from one document to the next changes it.
 */
export async function corpusDigest(documents: readonly string[]): Promise<string> {
  const bytes = new TextEncoder().encode(documents.map((text) => `${text}\0`).join(""));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `sha256:${hex}`;
}
