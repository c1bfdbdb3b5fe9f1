/** What is found at a path; `undefined` if nothing is there. */
export async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as { code: string }).code)) return undefined;
    throw error;
  }
}
