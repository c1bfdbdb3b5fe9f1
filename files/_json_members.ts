/** A member of a JSON object: its name, and where in the text its value stands. */
export interface JsonMember {
  readonly name: string;
  /** Position of the value's first character. */
  readonly start: number;
  /** Position after its last one. */
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = "[{";

/**
 * Where the values of an object stand in its text, so that some can be replaced and the others keep
 * their bytes. It looks only for quotes and brackets, so it neither recurses nor makes values.
 *
 * @param text An object that `JSON.parse` takes, with white space around it or not.
 * @returns The members of the object itself, in the order of the text; a name that is there twice is
 * there twice.
 */
export function jsonMembers(text: string): JsonMember[] {
  const members: JsonMember[] = [];
  let at = skipSpace(text, text.indexOf("{") + 1);
  while (text[at] !== "}") {
    const nameEnd = stringEnd(text, at);
    const start = skipSpace(text, text.indexOf(":", nameEnd) + 1);
    const end = valueEnd(text, start);
    members.push({ name: JSON.parse(text.slice(at, nameEnd)), start, end });
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return members;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at++;
  return at;
}

/** Behind the string that begins at `start`: its quote has an even number of backslashes before it. */
function stringEnd(text: string, start: number): number {
  for (let quote = start;;) {
    quote = text.indexOf('"', quote + 1);
    let slash = quote;
    while (text.charCodeAt(slash - 1) === BACKSLASH) slash--;
    if ((quote - slash) % 2 === 0) return quote + 1;
  }
}

function valueEnd(text: string, start: number): number {
  if (text.charCodeAt(start) === QUOTE) return stringEnd(text, start);
  if (!OPENING.includes(text[start]!)) return next(/[\s,}]/g, text, start);
  let depth = 0;
  for (let at = start;;) {
    at = next(/["[\]{}]/g, text, at);
    if (text.charCodeAt(at) === QUOTE) {
      at = stringEnd(text, at);
      continue;
    }
    depth += OPENING.includes(text[at]!) ? 1 : -1;
    at++;
    if (depth === 0) return at;
  }
}

function next(mark: RegExp, text: string, from: number): number {
  mark.lastIndex = from;
  return mark.exec(text)!.index;
}
