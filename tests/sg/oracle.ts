/**
 * The matching rules of DESIGN.md, written as slowly and plainly as possible: every gram is tried at
 * every character. It shares no code with the matcher.
 */
export interface OracleInput {
  readonly grams: readonly string[];
  /** Bytes of each token of one sequence. */
  readonly tokens: readonly Uint8Array[];
  readonly lossMask?: readonly number[];
  readonly segmentIds?: readonly number[];
}

interface Character {
  readonly text: string;
  /** Tokens that spell it. */
  readonly tokens: ReadonlySet<number>;
}

export function oracle(
  { grams, tokens, lossMask, segmentIds }: OracleInput,
): { planningMask: number[]; spans: number[][] } {
  const planningMask = tokens.map(() => 0);
  const spans: number[][] = [];
  const normalisedGrams = grams.map((gram) => {
    const text = normalise(
      Array.from(gram, (character) => ({ text: character, tokens: new Set<number>() })),
    );
    while (text.length > 0 && isSpace(text[0]!.text)) text.shift();
    while (text.length > 0 && isSpace(text.at(-1)!.text)) text.pop();
    return text.map((character) => character.text);
  });
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
    const text = normalise(decode(tokens, start, end));
    const matches: { from: number; to: number; gram: number }[] = [];
    normalisedGrams.forEach((gram, index) => {
      for (let from = 0; from + gram.length <= text.length; from++) {
        if (gram.length > 0 && matchesAt(text, from, gram)) {
          matches.push({ from, to: from + gram.length, gram: index });
        }
      }
    });
    for (const { from, to } of matches) {
      for (const character of text.slice(from, to)) {
        for (const token of character.tokens) planningMask[token] = 1;
      }
    }
    matches.sort((a, b) => a.from - b.from || b.to - a.to || a.gram - b.gram);
    let free = 0;
    for (const { from, to, gram } of matches) {
      if (from < free) continue;
      const covered = text.slice(from, to).flatMap((character) => [...character.tokens]);
      spans.push([Math.min(...covered), Math.max(...covered) + 1, gram]);
      free = to;
    }
    start = end;
  }
  return { planningMask, spans };
}

function matchesAt(text: readonly Character[], from: number, gram: readonly string[]): boolean {
  if (!gram.every((character, i) => text[from + i]!.text === character)) return false;
  const to = from + gram.length;
  if (isAlphanumeric(gram[0]!) && isWordCharacter(text, from - 1)) return false;
  return !(isAlphanumeric(gram.at(-1)!) && isWordCharacter(text, to));
}

function isWordCharacter(text: readonly Character[], at: number): boolean {
  const character = text[at]?.text;
  if (character === undefined) return false;
  if (isAlphanumeric(character)) return true;
  return character === "'" && at > 0 && isAlphanumeric(text[at - 1]!.text) &&
    at + 1 < text.length && isAlphanumeric(text[at + 1]!.text);
}

function isAlphanumeric(character: string): boolean {
  return /^[\p{L}\p{N}_]$/u.test(character);
}

function isSpace(character: string): boolean {
  return /^\p{White_Space}$/u.test(character);
}

function normalise(characters: readonly Character[]): Character[] {
  const out: Character[] = [];
  for (let i = 0; i < characters.length;) {
    if (!isSpace(characters[i]!.text)) {
      out.push({ ...characters[i]!, text: fold(characters[i]!.text) });
      i++;
      continue;
    }
    let end = i;
    while (end < characters.length && isSpace(characters[end]!.text)) end++;
    const run = characters.slice(i, end);
    const lineEnds = run.map(({ text }) => text).join("").match(/\r\n|\r|\n/g)?.length ?? 0;
    out.push({
      text: lineEnds >= 2 ? "\n" : " ",
      tokens: new Set(run.flatMap(({ tokens }) => [...tokens])),
    });
    i = end;
  }
  return out;
}

function fold(character: string): string {
  if ("\u2018\u2019\u02bc\u2032\uff07".includes(character)) return "'";
  if ("\u201c\u201d\u2033".includes(character)) return '"';
  const lower = character.toLowerCase();
  return [...lower].length === 1 ? lower : character;
}

function decode(tokens: readonly Uint8Array[], start: number, end: number): Character[] {
  const bytes: { byte: number; token: number }[] = [];
  for (let token = start; token < end; token++) {
    for (const byte of tokens[token]!) bytes.push({ byte, token });
  }
  const characters: Character[] = [];
  for (let at = 0; at < bytes.length;) {
    const valid = [1, 2, 3, 4].find((length) => {
      if (at + length > bytes.length) return false;
      try {
        const slice = Uint8Array.from(bytes.slice(at, at + length), ({ byte }) => byte);
        const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
        return [...decoder.decode(slice)].length === 1;
      } catch {
        return false;
      }
    });
    const length = valid ?? 1;
    const slice = bytes.slice(at, at + length);
    const text = valid === undefined
      ? "\ufffd"
      : new TextDecoder("utf-8", { ignoreBOM: true }).decode(
        Uint8Array.from(slice, ({ byte }) => byte),
      );
    characters.push({ text, tokens: new Set(slice.map(({ token }) => token)) });
    at += length;
  }
  return characters;
}
