import { InvalidArgumentError, Option } from "commander";
import process from "node:process";

/** Where a command writes. */
export const OUT: Option = new Option(
  "--out <FILE>",
  "output, - for standard output; .gz is compressed",
).default("-");

/** What {@linkcode OUT} gives. */
export interface OutFlag {
  readonly out: string;
}

/** When a command colors. */
export const COLOR: Option = new Option(
  "--color <WHEN>",
  "color the terminal; auto respects NO_COLOR",
).choices(["auto", "always", "never"]).default("auto");

/** What {@linkcode COLOR} gives. */
export interface ColorFlag {
  readonly color: "auto" | "always" | "never";
}

/** Whether to color standard output under {@linkcode COLOR}. */
export function isColored({ color }: ColorFlag): boolean {
  return color === "always" ||
    (color === "auto" && process.stdout.isTTY === true && !process.env.NO_COLOR);
}

/** Parses a whole number from 0. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  if (!Number.isSafeInteger(Number(text))) {
    throw new InvalidArgumentError(`It must be at most ${Number.MAX_SAFE_INTEGER}.`);
  }
  return Number(text);
}

/** Parses a finite number. */
export function finiteNumber(text: string): number {
  if (text.trim() === "" || !Number.isFinite(Number(text))) {
    throw new InvalidArgumentError("It must be a number.");
  }
  return Number(text);
}

/** Parses a share of a whole: `30%` or `0.3`. */
export function shareOfOne(text: string): number {
  const [, digits, percent] = /^(\d+(?:\.\d*)?|\.\d+)(%?)$/.exec(text) ?? [];
  const share = Number(digits) / (percent === "%" ? 100 : 1);
  if (!(share <= 1)) {
    throw new InvalidArgumentError("It must be a share such as 30% or 0.3, at most 1.");
  }
  return share;
}
