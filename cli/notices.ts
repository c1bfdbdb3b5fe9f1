/** Told of what deserves attention and is no error; said when the command has succeeded. */
export type Warn = (message: string) => void;

/** What a command says of the file that it wrote; nothing of standard output, which says it itself. */
export function wrote(out: string, what: string, say: Warn): void {
  if (out !== "-") say(`hicra: wrote ${out}: ${what}`);
}

/** A count with its noun: `1,120 rollouts`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

/** The share of planning tokens among trained ones: `2.6 % planning`. */
export function planningShare({ sum, count }: { sum: number; count: number }): string {
  return count === 0 ? "no trained token" : `${(100 * sum / count).toFixed(1)} % planning`;
}
