import type { Figures } from "../figures.ts";
import { PHRASE_SOURCES } from "../grams.ts";
import type { PeerSpeed } from "../peer_speed.ts";
import { count, millions, significant } from "./format.ts";
import type { Table } from "./table.ts";

/** What was aimed at before anything was measured. */
const AIMS = { tokensPerSecond: 100e6, expression: 3, ahoCorasick: 10 } as const;

/** Up to here a ratio of two speeds is taken for noise. */
const SAME_SPEED = 1.1;

/** Which aims of speed are met. */
export function aimsTable(figures: Figures): Table {
  const [ours] = figures.peerSpeeds;
  const speed = ours!.tokensPerSecond;
  return {
    title: "Aims of speed",
    note:
      "Set before anything was measured. Of @monyone/aho-corasick the fast class is measured, whose " +
      "search takes less than half the time of its default class.",
    columns: ["", "aim", "measured"],
    words: [1, 2],
    rows: [
      [
        verdict(speed >= AIMS.tokensPerSecond),
        `${millions(AIMS.tokensPerSecond)} M tokens/s on one core`,
        `${millions(speed)} M tokens/s`,
      ],
      ...figures.peerSpeeds.filter(({ kind }) => kind === "decode and search").map(peerAim),
      ...growthAims(figures),
    ],
  };
}

function peerAim({ name, timesOurs: { median } }: PeerSpeed): string[] {
  const aim = name === "regular expression" ? AIMS.expression : AIMS.ahoCorasick;
  return [
    verdict(median >= aim),
    `${aim}× as fast as ${name}, decoding counted`,
    `${significant(median)}×`,
  ];
}

/** That speed does not depend on the number of grams, for each source of phrases. */
function growthAims({ gramGrowth }: Figures): string[][] {
  return Object.keys(PHRASE_SOURCES).map((source) => {
    const rows = gramGrowth.filter((row) => row.name === "hicra" && row.source === source);
    const [small, large] = [rows[0]!, rows.at(-1)!];
    const ratio = small.tokensPerSecond / large.tokensPerSecond;
    return [
      verdict(ratio <= SAME_SPEED),
      `as fast with ${count(large.grams)} grams as with ${count(small.grams)}, ${source} phrases`,
      `${significant(ratio)}× slower`,
    ];
  });
}

function verdict(isMet: boolean): string {
  return isMet ? "met" : "missed";
}
