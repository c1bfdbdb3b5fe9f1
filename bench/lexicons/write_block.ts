import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { InputSyntaxError } from "../../batch/mod.ts";
import { writeOutput } from "../../files/mod.ts";

/** A part of a file, between two lines. */
interface Block {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly start: string;
  readonly end: string;
}

/**
 * Writes one block of a file of the repository and says so on standard error.
 *
 * @param block The file and the lines around the block.
 * @param content What goes between them.
 */
export async function writeBlock(
  block: Block,
  content: string,
): Promise<void> {
  const path = fileURLToPath(new URL(`../../${block.file}`, import.meta.url));
  await writeOutput(path, [replaceBlock(await readFile(path, "utf8"), block, content)]);
  console.error(`Figures: ${block.file}`);
}

/**
 * Replaces what stands between two markers.
 *
 * @param text The text of the file.
 * @param block The file's name, for the message, and the markers.
 * @param content What is to stand there.
 * @returns The new text.
 * @throws {SyntaxError} If a marker is missing.
 */
function replaceBlock(
  text: string,
  { file, start, end }: Block,
  content: string,
): string {
  const from = text.indexOf(start);
  const to = text.indexOf(end, from);
  if (from === -1 || to === -1) {
    throw new InputSyntaxError(
      `Cannot write figures as ${file} must hold the lines "${start}" and "${end}"`,
    );
  }
  return `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`;
}
