import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { InputSyntaxError } from "../../batch/mod.ts";
import { writeOutput } from "../../files/mod.ts";
import type { Figures } from "../figures.ts";
import { markdownTable } from "./markdown.ts";
import { massTable } from "./mass_table.ts";
import { PYTHON_BLOCK, pythonBlock } from "./python_block.ts";
import { shareTables } from "./share_tables.ts";
import { speedTables } from "./speed_tables.ts";
import { headlines, machineLine, pythonLine } from "./summary.ts";

/** A part of a file, between two lines. */
export interface Block {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly start: string;
  readonly end: string;
  text(figures: Figures): string;
}

const ROOT = new URL("../../", import.meta.url);

/** What `--readme` writes. */
export const BLOCKS: readonly Block[] = [
  {
    file: "bench/README.md",
    start: "<!-- figures: written by deno task bench --readme -->",
    end: "<!-- end of figures -->",
    text: allFigures,
  },
  {
    ...PYTHON_BLOCK,
    text: ({ python, settings, ...about }) =>
      pythonBlock(python!, pythonLine({ ...about, quick: settings.quick })),
  },
];

/**
 * Replaces the figures in bench/README.md, between their markers.
 *
 * @param figures Those of a full run.
 * @returns What was written, for a message.
 * @throws {SyntaxError} If a marker is missing; nothing is written to that file.
 */
export async function updateReadmes(figures: Figures): Promise<string[]> {
  // Without Python its block stays as it is.
  const blocks = BLOCKS.filter((block) =>
    figures.python !== null || block.start !== PYTHON_BLOCK.start
  );
  const blocksOf = Map.groupBy(blocks, ({ file }) => file);
  for (const [file, blocks] of blocksOf) {
    await rewrite(
      file,
      (text) =>
        blocks.reduce((text, block) => replaceBlock(text, block, block.text(figures)), text),
    );
  }
  return [...blocksOf.keys()];
}

/**
 * Writes one block of a file of the repository and says so on standard error.
 *
 * @param block The file and the lines around the block.
 * @param content What goes between them.
 */
export async function writeBlock(
  block: Pick<Block, "file" | "start" | "end">,
  content: string,
): Promise<void> {
  await rewrite(block.file, (text) => replaceBlock(text, block, content));
  console.error(`Figures: ${block.file}`);
}

async function rewrite(file: string, change: (text: string) => string): Promise<void> {
  const path = fileURLToPath(new URL(file, ROOT));
  await writeOutput(path, [change(await readFile(path, "utf8"))]);
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
export function replaceBlock(
  text: string,
  { file, start, end }: Pick<Block, "file" | "start" | "end">,
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

function allFigures(figures: Figures): string {
  return [
    `${machineLine(figures)}.`,
    "",
    ...headlines(figures).map(({ label, value, detail }) => `- **${label}: ${value}** (${detail})`),
    "",
    ...speedTables(figures).map(markdownTable),
    ...shareTables(figures).map(markdownTable),
    markdownTable(massTable(figures)),
  ].join("\n").trimEnd();
}
