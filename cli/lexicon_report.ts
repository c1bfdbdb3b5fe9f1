import { visibleText } from "../batch/internal.ts";
import { InputRangeError } from "../batch/mod.ts";
import {
  type Gram,
  GRAM_KINDS,
  type GramChange,
  type GramKind,
  type Lexicon,
  type LexiconDiff,
} from "../sg/mod.ts";
import { gramPattern, literalPattern } from "../sg/internal.ts";
import { linesOf, plainTable } from "./plain_table.ts";

/** Which grams of a lexicon to show. */
export interface GramSelection {
  /** Only grams of this kind. */
  readonly kind?: GramKind;
  /** Only grams of this cluster. */
  readonly cluster?: number;
  /** At most this many. */
  readonly limit?: number;
}

/**
 * The indices of the grams that are asked for, in order.
 *
 * @throws {RangeError} If there is none.
 */
export function selectGrams(lexicon: Lexicon, selection: GramSelection): number[] {
  const { kind, cluster, limit } = selection;
  const { name, grams } = lexicon;
  const selected = [...grams.keys()].filter((index) =>
    (kind === undefined || grams[index]!.kind === kind) &&
    (cluster === undefined || grams[index]!.cluster === cluster)
  );
  if (selected.length === 0) {
    const asked = [
      ...(kind === undefined ? [] : [`kind ${kind}`]),
      ...(cluster === undefined ? [] : [`cluster ${cluster}`]),
    ];
    const numClusters = new Set(grams.flatMap((gram) => gram.cluster ?? [])).size;
    throw new InputRangeError(
      `Cannot show lexicon "${name}" as none of its ${grams.length} grams has ` +
        `${asked.join(" and ")}: it has ${kindCounts(grams)}, in ${numClusters} clusters`,
    );
  }
  return selected.slice(0, limit);
}

/**
 * A lexicon for a terminal: name, provenance and counts, then the selected grams per cluster, clusters
 * in the order of their first grams. Columns that hold nothing are left out. In the examples the grams
 * are bold, or in brackets without color.
 */
export function lexiconReport(
  lexicon: Lexicon,
  selected: readonly number[],
  { color }: { readonly color: boolean },
): string {
  const { name, provenance, grams } = lexicon;
  const { source, corpusDigest, parameters = {}, notes = [] } = provenance;
  const header = [
    bold(`${oneLine(name)} · ${grams.length} grams · ${kindCounts(grams)}`, color),
    `source: ${oneLine(source)}`,
    ...(corpusDigest === undefined ? [] : [`corpus: ${oneLine(corpusDigest)}`]),
    ...Object.entries(parameters).map(([key, value]) =>
      `${oneLine(key)}: ${oneLine(String(value))}`
    ),
    ...notes.map((note) => `note: ${oneLine(note)}`),
  ];
  const clusters = Map.groupBy(selected.map((index) => grams[index]!), ({ cluster }) => cluster);
  const columns = COLUMNS.filter(({ cell }) =>
    selected.some((index) => cell(grams[index]!, color) !== "")
  );
  const table = plainTable(columns.map(({ align }) => align));
  table.push(columns.map(({ title }) => title));
  for (const [cluster, members] of clusters) {
    if (clusters.size > 1 || cluster !== undefined) {
      const title = cluster === undefined ? "no cluster" : `cluster ${cluster}`;
      const content = bold(`${title} · ${kindCounts(members)}`, color);
      table.push([], [{ colSpan: columns.length, content }]);
    }
    table.push(...members.map((gram) => columns.map(({ cell }) => cell(gram, color))));
  }
  const rest = selected.length === grams.length
    ? []
    : ["", `${selected.length} of ${grams.length} grams`];
  return [...header, "", ...linesOf(table), ...rest, ""].join("\n");
}

/** What differs between two lexicons, a gram a line: `+` added, `-` removed, `~` changed. */
export function lexiconDiffReport(a: Lexicon, b: Lexicon, diff: LexiconDiff): string {
  const { added, removed, changed } = diff;
  const counts = `${added.length} added, ${removed.length} removed, ${changed.length} changed`;
  const lines = [
    `${oneLine(a.name)} → ${oneLine(b.name)}: ${counts}`,
    ...removed.map(({ text, kind }) => `- ${oneLine(text)} (${kind})`),
    ...added.map(({ text, kind }) => `+ ${oneLine(text)} (${kind})`),
    ...changed.map((change) =>
      `~ ${oneLine(change.after.text)} (${
        change.fields.map((field) => changeOf(change, field)).join("; ")
      })`
    ),
  ];
  return lines.join("\n") + "\n";
}

function changeOf({ before, after }: GramChange, field: GramChange["fields"][number]): string {
  const [old, now] = [before[field] ?? "none", after[field] ?? "none"];
  const isShort = typeof old !== "object" && typeof now !== "object" && field !== "example";
  return isShort ? `${field} ${old} → ${now}` : `other ${field}`;
}

interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  cell(gram: Gram, color: boolean): string;
}

const COLUMNS: readonly Column[] = [
  { title: "gram", align: "left", cell: ({ text }) => oneLine(text) },
  { title: "kind", align: "left", cell: ({ kind }) => kind },
  {
    title: "confidence",
    align: "right",
    cell: ({ confidence }) => confidence === undefined ? "" : confidence.toFixed(2),
  },
  {
    title: "documents",
    align: "right",
    cell: ({ documentFrequency }) => String(documentFrequency ?? ""),
  },
  { title: "matches", align: "right", cell: ({ occurrences }) => String(occurrences ?? "") },
  {
    title: "example",
    align: "left",
    cell: ({ text, example }, color) => example === undefined ? "" : excerpt(example, text, color),
  },
];

/** Characters of an example that are shown on each side of the gram. */
const MARGIN = 40;

/** The part of an example around the first match of the gram, which is marked. */
function excerpt(example: string, gram: string, color: boolean): string {
  const text = oneLine(example);
  const match = matchingPattern(gram).exec(text);
  if (match === null) return clip(text, 2 * MARGIN);
  const before = [...text.slice(0, match.index)];
  const after = [...text.slice(match.index + match[0].length)];
  const start = before.length > MARGIN ? "…" + before.slice(-MARGIN).join("") : before.join("");
  const marked = color ? bold(match[0], true) : `⟦${match[0]}⟧`;
  return start + marked + clip(after.join(""), MARGIN);
}

function clip(text: string, length: number): string {
  const characters = [...text];
  return characters.length > length ? characters.slice(0, length).join("") + "…" : text;
}

/** The matching rules, near enough to show a match in text that is not normalized. */
function matchingPattern(gram: string): RegExp {
  const text = oneLine(gram);
  const literal = literalPattern(text)
    .replace(/['\u2018\u2019\u02bc\u2032\uff07]/g, "['\u2018\u2019\u02bc\u2032\uff07]")
    .replace(/["\u201c\u201d\u2033]/g, '["\u201c\u201d\u2033]');
  return gramPattern(text, { literal, flags: "i" });
}

/** No line end, and nothing that could steer the terminal. */
function oneLine(text: string): string {
  return visibleText(text.replace(/[\p{White_Space}\p{Cc}]+/gu, " ").trim());
}

function kindCounts(grams: readonly Gram[]): string {
  return GRAM_KINDS.flatMap((kind) => {
    const count = grams.filter((gram) => gram.kind === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  }).join(", ");
}

function bold(text: string, color: boolean): string {
  return color ? `\x1b[1m${text}\x1b[0m` : text;
}
