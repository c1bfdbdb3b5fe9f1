/**
 * The matching rules of DESIGN.md, written as slowly and plainly as possible: every gram is tried at
 * every character. It shares no code with the matcher.
 */
export interface OracleInput {
  readonly grams: readonly string[];
  /** Bytes of each token of one sequence. */
  readonly tokens: readonly Uint8Array[];
  readonly lossMask?: readonly number[] | undefined;
  readonly segmentIds?: readonly number[] | undefined;
}

export interface OracleResult {
  planningMask: number[];
  spans: number[][];
}

/** A character of normalized text and the bytes that spell it. */
interface Character {
  readonly text: string;
  readonly firstByte: number;
  readonly lastByte: number;
}

/** A match and the bytes that spell it. */
export interface OracleMatch {
  readonly from: number;
  readonly to: number;
  readonly firstByte: number;
  readonly lastByte: number;
  readonly gram: number;
}

export function oracle({ grams, tokens, lossMask, segmentIds }: OracleInput): OracleResult {
  const planningMask = tokens.map(() => 0);
  const spans: number[][] = [];
  const normalizedGrams = grams.map(normalizeGram);
  let start = 0;
  while (start < tokens.length) {
    if (lossMask?.[start] === 0) {
      start++;
      continue;
    }
    let end = start + 1;
    while (
      end < tokens.length && lossMask?.[end] !== 0 && segmentIds?.[end] === segmentIds?.[start]
    ) end++;
    const run = tokens.slice(start, end);
    const bytes = Uint8Array.from(run.flatMap((token) => [...token]));
    const result = onTokens(findMatches(bytes, normalizedGrams), run.map((token) => token.length));
    result.planningMask.forEach((planning, i) => planningMask[start + i] = planning);
    for (const [first, last, gram] of result.spans) {
      spans.push([start + first!, start + last!, gram!]);
    }
    start = end;
  }
  return { planningMask, spans };
}

/** The characters of a gram as it is compared. */
export function normalizeGram(gram: string): string[] {
  const text = normalize(decode(new TextEncoder().encode(gram))).map(({ text }) => text);
  while (text.length > 0 && isSpace(text[0]!)) text.shift();
  while (text.length > 0 && isSpace(text.at(-1)!)) text.pop();
  return text;
}

/** All matches of normalized grams in the bytes of one run. */
export function findMatches(
  bytes: Uint8Array,
  grams: readonly (readonly string[])[],
): OracleMatch[] {
  const text = normalize(decode(bytes));
  const matches: OracleMatch[] = [];
  for (let from = 0; from < text.length; from++) {
    for (let gram = 0; gram < grams.length; gram++) {
      if (grams[gram]![0] !== text[from]!.text || !matchesAt(text, from, grams[gram]!)) continue;
      const to = from + grams[gram]!.length;
      const { firstByte } = text[from]!;
      matches.push({ from, to, firstByte, lastByte: text[to - 1]!.lastByte, gram });
    }
  }
  return matches;
}

/** What matches mean for tokens of the given lengths. */
export function onTokens(
  matches: readonly OracleMatch[],
  tokenLengths: readonly number[],
): OracleResult {
  const tokenOfByte = tokenLengths.flatMap((length, token) => Array<number>(length).fill(token));
  const planningMask = tokenLengths.map(() => 0);
  for (const { firstByte, lastByte } of matches) {
    for (let byte = firstByte; byte <= lastByte; byte++) planningMask[tokenOfByte[byte]!] = 1;
  }
  const spans: number[][] = [];
  let free = 0;
  const ordered = [...matches].sort((a, b) => a.from - b.from || b.to - a.to || a.gram - b.gram);
  for (const { from, to, firstByte, lastByte, gram } of ordered) {
    if (from < free) continue;
    spans.push([tokenOfByte[firstByte]!, tokenOfByte[lastByte]! + 1, gram]);
    free = to;
  }
  return { planningMask, spans };
}

function matchesAt(text: readonly Character[], from: number, gram: readonly string[]): boolean {
  const to = from + gram.length;
  for (let i = 0; i < gram.length; i++) {
    if (text[from + i]?.text !== gram[i]) return false;
  }
  if (isBase(gram[0]!) && isWordCharacter(text, from - 1)) return false;
  let last = gram.length - 1;
  while (last > 0 && isExtender(gram[last]!)) last--;
  return !(isBase(gram[last]!) && isWordCharacter(text, to));
}

function isWordCharacter(text: readonly Character[], at: number): boolean {
  const character = text[at]?.text;
  if (character === undefined) return false;
  if (isBase(character)) return true;
  if (isExtender(character)) return isWordCharacter(text, at - 1);
  return (character === "'" || character === "-") && isBase(text[at + 1]?.text ?? "") &&
    isWordCharacter(text, at - 1);
}

function isBase(character: string): boolean {
  return /^[\p{L}\p{N}_]$/u.test(character) && !UNSPACED.some((script) => script.test(character));
}

const UNSPACED = [
  /^\p{Script=Han}$/u,
  /^\p{Script=Hiragana}$/u,
  /^\p{Script=Katakana}$/u,
  /^\p{Script=Thai}$/u,
  /^\p{Script=Lao}$/u,
  /^\p{Script=Khmer}$/u,
  /^\p{Script=Myanmar}$/u,
];

function isExtender(character: string): boolean {
  return /^\p{M}$/u.test(character) || character === "\u200c" || character === "\u200d";
}

function isSpace(character: string): boolean {
  return /^\p{White_Space}$/u.test(character);
}

function normalize(characters: readonly Character[]): Character[] {
  const out: Character[] = [];
  for (let i = 0; i < characters.length;) {
    const { text, firstByte } = characters[i]!;
    if (!isSpace(text)) {
      out.push({ ...characters[i]!, text: fold(text) });
      i++;
      continue;
    }
    let end = i;
    let run = "";
    while (end < characters.length && isSpace(characters[end]!.text)) {
      run += characters[end++]!.text;
    }
    const lineEnds = run.match(/\r\n|\r|\n/g)?.length ?? 0;
    const { lastByte } = characters[end - 1]!;
    out.push({ text: lineEnds >= 2 ? "\n" : " ", firstByte, lastByte });
    i = end;
  }
  return out;
}

function fold(character: string): string {
  if ("\u2018\u2019\u02bc\u2032\uff07".includes(character)) return "'";
  if ("\u201c\u201d\u2033".includes(character)) return '"';
  if ("\u2010\u2011".includes(character)) return "-";
  const lower = character.toLowerCase();
  return [...lower].length === 1 ? lower : character;
}

function decode(bytes: Uint8Array): Character[] {
  const characters: Character[] = [];
  for (let at = 0; at < bytes.length;) {
    const [text, length] = decodeAt(bytes, at);
    characters.push({ text, firstByte: at, lastByte: at + length - 1 });
    at += length;
  }
  return characters;
}

/** The character at a byte, and its length; an invalid byte is U+FFFD by itself. */
function decodeAt(bytes: Uint8Array, at: number): [text: string, length: number] {
  if (bytes[at]! < 0x80) return [String.fromCharCode(bytes[at]!), 1];
  for (const length of [2, 3, 4]) {
    if (at + length > bytes.length) break;
    try {
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      const text = decoder.decode(bytes.subarray(at, at + length));
      if ([...text].length === 1) return [text, length];
    } catch {
      // Not a whole character: try more bytes.
    }
  }
  return ["\ufffd", 1];
}
