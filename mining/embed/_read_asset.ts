/**
 * Reads a file of this module, which may have been loaded from the disk or over the network.
 *
 * @throws {Error} If the file cannot be read or fetched.
 */
export async function readAsset(url: URL): Promise<Uint8Array> {
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return await readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(
      `Cannot load the module as "${url}" must be there: status is ${response.status}`,
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}
