import type { Figures } from "../figures.ts";
import type { PeerSpeed } from "../peer_speed.ts";
import { millions, percent, significant } from "./format.ts";
import { shareOf } from "./share_tables.ts";

/** The figures that a reader takes home. */
export interface Headline {
  readonly label: string;
  readonly value: string;
  readonly detail: string;
}

/** Picks what a reader takes home. */
export function headlines(
  { planningShares, peerSpeeds, peerAgreements, settings }: Figures,
): Headline[] {
  const lexicon = settings.lexicons[0]!.name;
  const own = planningShares.filter((row) => row.lexicon === lexicon);
  const perTokenizer = settings.tokenizers.map((name) =>
    shareOf(own.filter(({ tokenizer }) => tokenizer === name))
  );
  const ours = peerSpeeds.find(({ kind }) => kind === "ours")!;
  const decoding = peerSpeeds.filter(({ kind }) => kind === "decode and search");
  const isExpression = ({ name }: PeerSpeed): boolean => name === "regular expression";
  const expression = decoding.find(isExpression)!;
  const ahoCorasick = decoding.filter((peer) => !isExpression(peer))
    .sort((a, b) => a.timesOurs.median - b.timesOurs.median)[0]!;
  const checked = peerAgreements.filter(({ spans }) => spans !== null);
  return [
    {
      label: "planning tokens",
      value: range(perTokenizer),
      detail:
        `of all response tokens, ${settings.tokenizers.length} tokenizers, lexicon ${lexicon}`,
    },
    {
      label: "matched on one core",
      value: `${millions(ours.tokensPerSecond)} M tokens/s`,
      detail: `${millions(ours.charactersPerSecond)} M characters/s, from ids to mask`,
    },
    {
      label: "regular expression",
      value: `${significant(expression.timesOurs.median)}× our time`,
      detail: `decoding counted; ${rounds(expression)}`,
    },
    {
      label: "fastest Aho-Corasick",
      value: `${significant(ahoCorasick.timesOurs.median)}× our time`,
      detail: `${ahoCorasick.name}, decoding counted; ${rounds(ahoCorasick)}`,
    },
    {
      label: "agreement",
      value: checked.every(({ spans, ours }) => spans === ours) ? "exact" : "BROKEN",
      detail: `${checked.length} independent searches find our ${
        checked[0]!.ours.toLocaleString("en-US")
      } spans`,
    },
  ];
}

/** The machine by its cores and memory, and the day. */
export function machineLine({ date, machine, settings }: Figures): string {
  return `${date}, ${machine.cores} cores (one used), ${machine.memoryGib} GiB of memory, ` +
    `${machine.runtime}${
      settings.quick ? "; a quick run on a small sample, no figure to quote" : ""
    }`;
}

/** The machine and the day, for what is measured on one core and on all. */
export function pythonLine(
  { date, machine, quick }: Pick<Figures, "date" | "machine"> & { readonly quick: boolean },
): string {
  return `${date}, ${machine.cores} cores, ${machine.memoryGib} GiB of memory, ${machine.runtime}${
    quick ? "; a quick run on a small sample, no figure to quote" : ""
  }`;
}

/** Headlines, machine and notes as lines of text. */
export function summaryText(figures: Figures): string {
  return [
    ...headlines(figures).map(({ label, value, detail }) => `${label}: ${value} (${detail})`),
    machineLine(figures),
    ...figures.notes.map((note) => `Note: ${note}`),
  ].join("\n");
}

function range(shares: readonly number[]): string {
  const [low, high] = [percent(Math.min(...shares)), percent(Math.max(...shares))];
  return low === high ? low : `${low.replace(" %", "")}–${high}`;
}

function rounds({ timesOurs: { min, max } }: PeerSpeed): string {
  return `${significant(min)} to ${significant(max)} over the rounds`;
}
