import type { Spread } from "./spread.ts";

/** What stands where nothing was measured or nothing is defined. */
export const NOTHING = "–";

/** A share as percent. */
export function percent(share: number, digits: number = 1): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : NOTHING;
}

/** A number with a fixed number of decimals. */
export function decimal(value: number | null | undefined, digits: number = 2): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
  return value.toFixed(digits).replace(/^-(0(\.0+)?)$/, "$1");
}

/** A signed number, for differences. */
export function signed(value: number, digits: number = 2): string {
  const text = decimal(value, digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** A whole number with separators. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Millions, with three figures: 1,234 / 123 / 12.3 / 1.23. */
export function millions(value: number): string {
  return significant(value / 1e6);
}

/** Three significant figures. */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return NOTHING;
  if (Math.abs(value) >= 100) return count(value);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3);
}

/** A ratio with the range over the rounds. */
export function times({ median, min, max }: Spread): string {
  return `${significant(median)}× (${significant(min)}–${significant(max)})`;
}
