import type { Comparison, ComparisonRow, ComparisonSubject } from "../python/comparison.ts";
import type { SizeCost } from "../python/growth_suite.ts";
import type { MachineLimits } from "../python/limits.ts";
import type { PythonFigures } from "../python/measure_python.ts";
import { median } from "../timing.ts";
import { count, millions, NOTHING, significant, times } from "./format.ts";
import { pythonAimsTable } from "./python_aims_table.ts";
import type { Table } from "./table.ts";

/** Everything that was measured beside Python. */
export function pythonTables(figures: PythonFigures): Table[] {
  const memory = figures.memory.length === 0 ? [] : [memoryTable(figures)];
  return [
    pythonAimsTable(figures),
    ...figures.comparisons.map((comparison) => comparisonTable(comparison, figures)),
    limitsTable(figures),
    ...growthTables(figures),
    ...memory,
  ];
}

const TITLES: Readonly<Record<ComparisonSubject["task"], string>> = {
  matcher: "Matchers beside Python",
  windows: "Window comparison of token ids in torch",
  transform: "The transform beside numpy and torch",
  logits: "Logits to log-probabilities and entropies",
};

const NOTES: Readonly<Record<ComparisonSubject["task"], string>> = {
  matcher:
    "Peers are given the same ids or, where they only search, the same lower-cased text for nothing. Ids " +
    "are spelled by taking byte strings from a table and joining them, the fastest of six exact ways in " +
    "Python. A package of npm checks what the packages of PyPI find: all occurrences, inside words and " +
    "overlapping ones too, in characters and not yet as a token mask. Ours are spans by the matching " +
    "rules. The limit: each id is read and its place in the mask written, 5 bytes.",
  windows:
    "What a port of HICRA does: encode each gram, compare every window of the padded ids with it, join " +
    "the hits. Ids are int64 in batches of 64 sequences sorted by length, given for nothing. Gram ids " +
    "depend on what stands before and on capitals, so one form of each finds next to nothing. Masks are " +
    "checked by a plain search here.",
  transform:
    "The same advantages and mask. numpy and torch check nothing and allocate what they need. The limit: " +
    "9 bytes a token.",
  logits:
    "The same bytes. Every value is compared with the truth in float64: the largest errors are those of " +
    "log-probabilities and of entropies, in nats. The limit: each logit is read once; a copy also writes, " +
    "so reading alone can beat it.",
};

function comparisonTable(comparison: Comparison, figures: PythonFigures): Table {
  const { task, input, threads, rows, bytes, items, unit } = comparison;
  const hasOurs = rows.some(({ side }) => side === "ours");
  const cores = threads === 1 ? "one core" : `${threads} cores`;
  const finds = rows.some((row) => row.finds !== null);
  const perItem = unit === "tokens" && task === "logits"
    ? (ms: number) => `${significant(1e3 * items / ms)} tokens/s`
    : (ms: number) => `${millions(1e3 * items / ms)} M ${unit}/s`;
  const skipped = Object.entries(comparison.skipped)
    .map(([name, reason]) => ` Skipped: ${name}: ${reason}.`);
  return {
    title: `${TITLES[task]}${task === "logits" ? `: ${input}, ${cores}` : ""}`,
    note:
      `${input}, ${cores}, medians of ${figures.rounds} rounds in turns; in brackets the range. ` +
      NOTES[task] + (hasOurs ? "" : " Ours is not there yet.") + skipped.join(""),
    columns: [
      "",
      "does",
      "ms",
      "speed",
      "time over ours",
      "time over the limit",
      ...(finds ? [task === "logits" ? "exactness" : "finds"] : []),
    ],
    words: finds ? [1, 6] : [1],
    rows: rows.map((row) => {
      const ms = median(row.samplesMs);
      return [
        row.side === "ours" || row.side === "floor" ? row.name : `${row.name} (${row.side})`,
        row.what,
        significant(ms),
        perItem(ms),
        overOurs(row, rows),
        `${significant(ms / limitMs(bytes, threads, figures))}×`,
        ...(finds ? [row.finds ?? NOTHING] : []),
      ];
    }),
  };
}

function overOurs(row: ComparisonRow, rows: readonly ComparisonRow[]): string {
  if (row.timesOurs === null) return NOTHING;
  return row === rows.find(({ side }) => side === "ours") ? "1" : times(row.timesOurs);
}

/** Milliseconds in which a plain copy moves as many bytes. */
export function limitMs(bytes: number, threads: number, { limits }: PythonFigures): number {
  return 1e3 * bytes / limitsOf(limits, threads).copyBytesPerSecond;
}

function limitsOf(limits: readonly MachineLimits[], threads: number): MachineLimits {
  return limits.find((row) => row.threads === threads) ?? limits[0]!;
}

function limitsTable({ limits, versions, loadBefore }: PythonFigures): Table {
  const columns = limits.map(({ threads }) => threads === 1 ? "one core" : `${threads} cores`);
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return {
    title: "Limits of the machine",
    note:
      `Medians of at most 3 rounds of the same run: copies of 256 MiB in JavaScript, numpy and ` +
      "torch, the fastest of which counts, bytes read and written; a product of float32 matrices in " +
      `torch. Load of other work when it began: ${
        loadBefore.toFixed(1)
      }, which must be near 0 for figures ` +
      `to quote, those of all cores above all. ${packages.join(", ")}.`,
    columns: ["", ...columns],
    rows: [
      [
        "plain copy, GB/s",
        ...limits.map(({ copyBytesPerSecond: rate }) => significant(rate / 1e9)),
      ],
      [
        "matrix product, GFLOP/s",
        ...limits.map(({ productFlops: rate }) =>
          rate === null ? NOTHING : significant(rate / 1e9)
        ),
      ],
    ],
  };
}

const AXES: Readonly<Record<SizeCost["axis"], { title: string; note: string; unit: string }>> = {
  tokens: {
    title: "Growth beside Python: tokens",
    note:
      "The paper's grams, 1, 10 and 100 times the tokens. Nanoseconds per token from ids on; in " +
      "brackets milliseconds to compile the grams (with the table for decoding in Python) and MiB that " +
      "the case adds to its process, inputs included.",
    unit: "tokens",
  },
  grams: {
    title: "Growth beside Python: grams",
    note:
      "The same, 1, 10 and 100 times the grams on a sample, grown by phrases of the rollouts. " +
      "Windows are compared with one form of each gram.",
    unit: "grams",
  },
  vocabulary: {
    title: "Growth beside Python: vocabulary",
    note:
      "Logits in float32 on one core, 1, 10 and 100 times the vocabulary. Nanoseconds per logit; in " +
      "brackets the MiB that the case adds to its process, inputs included.",
    unit: "entries",
  },
};

function growthTables({ growth }: PythonFigures): Table[] {
  return (Object.keys(AXES) as SizeCost["axis"][]).flatMap((axis) => {
    const own = growth.filter((cost) => cost.axis === axis);
    if (own.length === 0) return [];
    const sizes = [...new Set(own.map(({ size }) => size))];
    const names = [...new Set(own.map(({ name }) => name))];
    const { title, note, unit } = AXES[axis];
    const cell = (name: string, size: number): string => {
      const cost = own.find((row) => row.name === name && row.size === size);
      return cost === undefined ? NOTHING : costWords(cost);
    };
    return [{
      title,
      note,
      columns: ["", ...sizes.map((size) => `${count(size)} ${unit}`)],
      rows: names.map((name) => [name, ...sizes.map((size) => cell(name, size))]),
    }];
  });
}

function costWords({ axis, nanosecondsPerItem, setupMs, addedBytes }: SizeCost): string {
  const details = [
    ...(axis !== "vocabulary" && setupMs !== null ? [`${significant(setupMs)} ms`] : []),
    ...(addedBytes === null ? [] : [`${mebibytes(addedBytes)} MiB`]),
  ];
  return `${significant(nanosecondsPerItem)}${details.length ? ` (${details.join(", ")})` : ""}`;
}

function memoryTable({ memory }: PythonFigures): Table {
  return {
    title: "Memory beside Python",
    note:
      "High-water marks in MiB: of a process that has loaded its libraries, and what one case adds to " +
      "it, inputs, tables and results included. Each case runs once in a process that has done nothing " +
      "else: ours in a fresh one, in Python a fork.",
    columns: ["", "on", "process", "the case adds", "together"],
    words: [1],
    rows: memory.map(({ name, input, idleBytes, addedBytes }) => [
      name,
      input,
      mebibytes(idleBytes),
      mebibytes(addedBytes),
      mebibytes(idleBytes + addedBytes),
    ]),
  };
}

function mebibytes(bytes: number): string {
  return count(bytes / 2 ** 20);
}
