import type { Figures } from "../figures.ts";
import { FLOOR_BYTES } from "../peer_speed.ts";
import { median } from "../timing.ts";
import { count, decimal, millions, NOTHING, percent, significant, times } from "./format.ts";
import type { Table } from "./table.ts";

/** Everything about time. */
export function speedTables(figures: Figures): Table[] {
  return [
    peerTable(figures),
    agreementTable(figures),
    stageTable(figures),
    gramGrowthTable(figures),
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

function gramGrowthTable({ gramGrowth }: Figures): Table {
  const sizes = [...new Set(gramGrowth.map(({ grams }) => grams))];
  const names = [...new Set(gramGrowth.map(({ name }) => name))];
  return {
    title: "Larger lexicons",
    note:
      "The lexicon's grams, then word n-grams drawn from the rollouts with a fixed seed, on a sample, " +
      "without decoding. M tokens/s and, in brackets, milliseconds to compile. Random n-grams match far " +
      "more often than strategic grams do, so every method has more to report. The spans of ours were " +
      "checked at each size against an exact regular expression, and against the adapted peers.",
    columns: ["", ...sizes.map((size) => `${count(size)} grams`)],
    rows: [
      ...names.map((name) => [
        name,
        ...sizes.map((size) => {
          const row = gramGrowth.find((row) => row.name === name && row.grams === size)!;
          const doubt = row.agrees === false ? " DISAGREES" : "";
          return `${millions(row.tokensPerSecond)} (${significant(row.compileMs)} ms)${doubt}`;
        }),
      ]),
      [
        "spans found by hicra",
        ...sizes.map((size) =>
          count(gramGrowth.find((row) => row.name === "hicra" && row.grams === size)!.found)
        ),
      ],
      [
        "tokens they cover",
        ...sizes.map((size) =>
          percent(
            gramGrowth.find((row) => row.name === "hicra" && row.grams === size)!.planningShare!,
          )
        ),
      ],
    ],
  };
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
