import type { Figures } from "../figures.ts";
import { PHRASE_SOURCES } from "../grams.ts";
import type { GramGrowth } from "../growth.ts";
import { FLOOR_BYTES } from "../peer_speed.ts";
import { PEERS } from "../peers.ts";
import { median } from "../timing.ts";
import { aimsTable } from "./aims_table.ts";
import { count, decimal, millions, NOTHING, percent, significant, times } from "./format.ts";
import type { Table } from "./table.ts";

/** A peer that finds every occurrence. */
const ALL_OCCURRENCES = PEERS.find(({ allOccurrences }) => allOccurrences)!.name;

/** Everything about time. */
export function speedTables(figures: Figures): Table[] {
  return [
    peerTable(figures),
    aimsTable(figures),
    agreementTable(figures),
    stageTable(figures),
    ...gramGrowthTables(figures),
    tokenGrowthTable(figures),
  ];
}

function peerTable({ peerSpeeds, settings }: Figures): Table {
  const [ours] = peerSpeeds;
  const pass = peerSpeeds.find(({ name }) => name === "plain pass")!;
  const lookUp = peerSpeeds.find(({ name }) => name === "plain pass with look-up")!;
  const { id, mask, table } = FLOOR_BYTES;
  const bandwidth = (bytes: number, { tokensPerSecond }: { tokensPerSecond: number }): string =>
    significant(bytes * tokensPerSecond / 1e9);
  return {
    title: "Speed beside the peers",
    note: `One core, ${settings.tokenizers[0]} tokens, all rollouts, medians of ` +
      `${settings.repetitions} rounds in turns; in brackets the range over the rounds. Time over ours: ` +
      "how many times as long it takes. Search alone is given decoded (for Aho-Corasick also " +
      "lower-cased) text for nothing. A peer's result is still in characters and not yet a token mask. " +
      `The limit: ${id} bytes of id, ${mask} of mask and ${table} to 16 of table must be read for each ` +
      `token. A plain loop over ids and mask reads ${
        bandwidth(id + mask, pass)
      } GB/s, with a look-up ` +
      `${bandwidth(id + mask + table, lookUp)} GB/s; matching reads ` +
      `${bandwidth(id + mask + table, ours!)} GB/s and takes ${
        significant(1 / pass.timesOurs.median)
      } ` +
      `times as long as the first, ${
        significant(1 / lookUp.timesOurs.median)
      } times as long as the ` +
      "second.",
    columns: ["", "does", "M tokens/s", "M chars/s", "time over ours"],
    words: [1],
    rows: peerSpeeds.map((row) => [
      row.name,
      row.kind === "ours" ? row.what : `${row.kind}: ${row.what}`,
      millions(row.tokensPerSecond),
      millions(row.charactersPerSecond),
      row.kind === "ours" ? "1" : times(row.timesOurs),
    ]),
  };
}

function agreementTable({ peerAgreements }: Figures): Table {
  return {
    title: "What the peers find",
    note:
      "Checked before anything is timed. With text normalised and our boundary and leftmost-longest " +
      "rules put on top of their occurrences, peers must find exactly our spans. A regular expression " +
      "finds no overlaps, so no adapter can follow it.",
    columns: ["", "counts", "finds", "with our rules on top", "ours", "agrees"],
    words: [1],
    rows: peerAgreements.map(({ peer, counts, occurrences, spans, ours }) => [
      peer,
      counts,
      count(occurrences),
      spans === null ? NOTHING : count(spans),
      count(ours),
      spans === null ? NOTHING : spans === ours ? "yes" : "NO",
    ]),
  };
}

function stageTable({ stageSpeeds, settings }: Figures): Table {
  return {
    title: "Speed of every stage",
    note:
      `One core, ${
        settings.tokenizers[0]
      }, medians. MB are of UTF-8 text: that of the rollouts, or ` +
      "that of the vocabulary. Reading is timed once.",
    columns: ["stage", "does", "ms", "range", "M items/s", "items", "MB/s"],
    words: [1],
    rows: stageSpeeds.map(({ stage, what, samplesMs, items, bytes, unit }) => {
      const ms = median(samplesMs);
      return [
        stage,
        what,
        significant(ms),
        `${significant(Math.min(...samplesMs))}–${significant(Math.max(...samplesMs))}`,
        millions(1000 * items / ms),
        `${count(items)} ${unit}`,
        significant(bytes / ms / 1000),
      ];
    }),
  };
}

function gramGrowthTables({ gramGrowth }: Figures): Table[] {
  return Object.entries(PHRASE_SOURCES).map(([source, phrases]) => {
    const own = gramGrowth.filter((row) => row.source === source);
    const sizes = [...new Set(own.map(({ grams }) => grams))];
    const names = [...new Set(own.map(({ name }) => name))];
    const rowOf = (name: string, size: number): GramGrowth =>
      own.find((row) => row.name === name && row.grams === size)!;
    const ours = (label: string, cell: (row: GramGrowth) => string): string[] => [
      label,
      ...sizes.map((size) => cell(rowOf("hicra", size))),
    ];
    const [small, large] = [rowOf("hicra", sizes[0]!), rowOf("hicra", sizes.at(-1)!)];
    return {
      title: `Larger lexicons, ${source} phrases`,
      note:
        `The lexicon's grams, then ${phrases}; on a sample, without decoding. M tokens/s and, in ` +
        "brackets, milliseconds to compile. " +
        "What the speed hangs on is not the number of grams as such, but how often a token goes on " +
        "with a partial match, which a look-up by token alone cannot answer, and how many matches " +
        `there are to report. From ${count(small.grams)} to ${
          count(large.grams)
        } grams ours takes ` +
        `${
          significant(small.tokensPerSecond / large.tokensPerSecond)
        } times as long: tokens that go ` +
        `on with a partial match ${
          change(small.partialShare!, large.partialShare!)
        }, planning tokens ` +
        `${
          change(small.planningShare!, large.planningShare!)
        }. Our spans were checked at each size ` +
        "against an exact regular expression, and against the adapted peers.",
      columns: ["", ...sizes.map((size) => `${count(size)} grams`)],
      rows: [
        ...names.map((name) => [
          name,
          ...sizes.map((size) => {
            const row = rowOf(name, size);
            const doubt = row.agrees === false ? " DISAGREES" : "";
            return `${millions(row.tokensPerSecond)} (${significant(row.compileMs)} ms)${doubt}`;
          }),
        ]),
        ours("tokens that go on with a partial match", (row) => percent(row.partialShare!)),
        ours("planning share", (row) => percent(row.planningShare!)),
        ours("spans found by hicra", (row) => count(row.found)),
        [
          "occurrences, overlapping ones too",
          ...sizes.map((size) => count(rowOf(ALL_OCCURRENCES, size).found)),
        ],
      ],
    };
  });
}

function change(from: number, to: number): string {
  const [low, high] = [percent(from, 0), percent(to, 0)];
  return low === high ? `stay at ${low}` : `go from ${low} to ${high}`;
}

function tokenGrowthTable({ tokenGrowth }: Figures): Table {
  const sizes = [...new Set(tokenGrowth.map(({ tokens }) => tokens))];
  const names = [...new Set(tokenGrowth.map(({ name }) => name))];
  return {
    title: "Larger batches",
    note:
      "Nanoseconds per token: a method that is linear in tokens has the same figure in every column. " +
      "The largest batch repeats the rollouts; peers are left out there, as they are slow.",
    columns: ["", ...sizes.map((size) => `${millions(size)} M tokens`)],
    rows: names.map((name) => [
      name,
      ...sizes.map((size) =>
        decimal(
          tokenGrowth.find((row) => row.name === name && row.tokens === size)?.nanosecondsPerToken,
          1,
        )
      ),
    ]),
  };
}
