import type { Comparison, ComparisonRow } from "../python/comparison.ts";
import type { PythonFigures } from "../python/measure_python.ts";
import { significant, times } from "./format.ts";
import type { Table } from "./table.ts";

/** What was aimed at. */
const AIMS = { fastestPeer: 5, readingIds: 4, torch: 1 } as const;

/** Which of the aims beside Python are met, and by how much. */
export function pythonAimsTable({ comparisons }: PythonFigures): Table {
  const matcher = comparisons.find(({ task }) => task === "matcher");
  return {
    title: "Aims beside Python",
    note:
      "The fastest peer is the one of PyPI or npm that takes the least time from ids on. The regular " +
      "expression follows simpler rules and finds no overlaps, but it counts. Reading the ids is a plain " +
      "loop that adds them up. On logits the fastest way of torch counts, torch.compile included.",
    columns: ["", "aim", "measured"],
    words: [1, 2],
    rows: [
      ...(matcher === undefined ? [] : matcherAims(matcher)),
      ...comparisons.filter(({ task }) => task === "logits").map(logitsAim),
    ],
  };
}

function matcherAims({ rows }: Comparison): string[][] {
  const peers = rows.filter(({ side, what }) =>
    (side === "Python" || side === "npm") && what.startsWith("ids to")
  );
  const fastest = fastestOf(peers);
  const floor = rows.find(({ side }) => side === "floor");
  const aims: string[][] = [];
  if (fastest?.timesOurs) {
    const { timesOurs } = fastest;
    aims.push([
      verdict(timesOurs.median >= AIMS.fastestPeer),
      `matcher ${AIMS.fastestPeer}× as fast as the fastest peer, decoding counted`,
      `${times(timesOurs)}, ${fastest.name}${by(timesOurs.median / AIMS.fastestPeer)}`,
    ]);
  }
  const fastestPython = fastestOf(peers.filter(({ side }) => side === "Python"));
  if (fastestPython?.timesOurs) {
    const { timesOurs } = fastestPython;
    aims.push([
      verdict(timesOurs.median >= AIMS.fastestPeer),
      `matcher ${AIMS.fastestPeer}× as fast as the fastest of PyPI, decoding counted`,
      `${times(timesOurs)}, ${fastestPython.name}${by(timesOurs.median / AIMS.fastestPeer)}`,
    ]);
  }
  if (floor?.timesOurs) {
    const ratio = 1 / floor.timesOurs.median;
    aims.push([
      verdict(ratio <= AIMS.readingIds),
      `matcher within ${AIMS.readingIds}× of reading the ids from memory`,
      `${significant(ratio)}×${by(AIMS.readingIds / ratio)}`,
    ]);
  }
  return aims;
}

function logitsAim({ rows, input, threads }: Comparison): string[] {
  const aim = `logits ahead of torch, ${input}, ${threads === 1 ? "one core" : `${threads} cores`}`;
  const fastest = fastestOf(rows.filter(({ name }) => name.startsWith("torch")));
  if (!rows.some(({ side }) => side === "ours") || !fastest?.timesOurs) {
    return ["open", aim, "nothing of ours to measure"];
  }
  const { timesOurs, name } = fastest;
  return [
    verdict(timesOurs.median > AIMS.torch),
    aim,
    `${times(timesOurs)}, ${name}${by(timesOurs.median / AIMS.torch)}`,
  ];
}

function fastestOf(rows: readonly ComparisonRow[]): ComparisonRow | undefined {
  return [...rows].sort((a, b) =>
    (a.timesOurs?.median ?? Infinity) - (b.timesOurs?.median ?? Infinity)
  )[0];
}

function verdict(isMet: boolean): string {
  return isMet ? "met" : "missed";
}

/** How far from an aim: a share of it below 1, a multiple above. */
function by(ratio: number): string {
  return `; ${significant(ratio)} of the aim`;
}
