import type { Figures } from "../figures.ts";
import { count, decimal, percent, signed } from "./format.ts";
import type { AdvantageMass } from "../advantage_mass.ts";
import type { Table } from "./table.ts";

/** What each transform does to the advantages. */
export function massTable({ advantageMasses, settings }: Figures): Table {
  const [first] = advantageMasses;
  return {
    title: "Advantage mass",
    note: first === undefined
      ? "Not measured: the rollouts have neither rewards nor advantages."
      : `Baseline ${settings.baseline}, alpha ${settings.alpha}, ${
        settings.tokenizers[0]
      } tokens, all ` +
        `corpora together. Mass is the sum of |A|: before the transforms it is ` +
        `${
          count(first.planning.before)
        } on planning tokens (those in a gram of the lexicon, whatever ` +
        `a chain marks) and ${
          count(first.execution.before)
        } on all others. Shift is the sum of A' - A ` +
        "in percent of the whole mass. Marked: share of tokens in the mask acted on; hits: share of them " +
        "in a gram. The factors of mass are after over before: of all of it, and of the part that was " +
        "positive (A>0) and negative (A<0) before. * uses a stand-in for entropies that were not " +
        `recorded. ${signChanges(advantageMasses)}`,
    columns: [
      "chain",
      "marked",
      "hits",
      "planning mass",
      "factor",
      "A>0",
      "A<0",
      "execution mass",
      "factor",
      "A>0",
      "A<0",
      "shift, planning",
      "shift, execution",
    ],
    rows: advantageMasses.map((row) => {
      const mass = row.planning.before + row.execution.before;
      const marks = row.tokens > 0 && row.chain !== "none";
      return [
        row.chain + (row.standIn ? " *" : "") +
        (row.entropyCoefficient === null ? "" : ` (asks for ${row.entropyCoefficient})`),
        marks ? percent(row.marked / row.tokens) : "",
        marks ? percent(row.markedPlanning / row.marked, 0) : "",
        ...[row.planning, row.execution].flatMap((mass) => [
          count(mass.after),
          decimal(mass.after / mass.before, 3),
          decimal(mass.positiveFactor, 3),
          decimal(mass.negativeFactor, 3),
        ]),
        `${signed(100 * row.shift.planning / mass)} %`,
        `${signed(100 * row.shift.execution / mass)} %`,
      ];
    }),
  };
}

function signChanges(masses: readonly AdvantageMass[]): string {
  const turned = masses.filter((row) => row.signChanges > 0);
  if (turned.length === 0) return "No chain turns the sign of an advantage.";
  return `Turned signs: ${
    turned.map((row) => `${row.chain}, ${count(row.signChanges)} tokens`).join("; ")
  }.`;
}
