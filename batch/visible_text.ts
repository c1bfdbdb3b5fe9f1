/** The most UTF-16 units of a line for people. */
const MAX_LINE = 2_000;
/** How many of them are of its end, where the way out stands. */
const MAX_END = 400;

/** Control characters but tab and line end, marks and controls of direction, and unpaired surrogates. */
// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;

/**
 * A text that cannot steer a terminal, nor show its characters in another order than they stand in.
 *
 * Control characters become the pictures that Unicode has for them, those of Latin-1 and unpaired surrogates
 * U+FFFD, and what sets the direction of text is spelled out, as `\u202e`. Tab and line end stay.
 */
export function visibleText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    if (code < 0xa0 || (code >= 0xd800 && code < 0xe000)) return "\ufffd";
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/**
 * A message for people, on its way out: in one line, visible, and no longer than some 2,000 characters, of
 * which the last 400 are those of its end. Messages quote what came from files, whatever that is.
 */
export function visibleLine(message: string): string {
  const line = message.replace(/\s*[\n\u2028\u2029]\s*/g, " ");
  if (line.length <= MAX_LINE) return visibleText(line);
  const [start, end] = [line.slice(0, MAX_LINE - MAX_END), line.slice(-MAX_END)];
  return visibleText(`${start} ... (${line.length} characters) ... ${end}`);
}

/** Where warnings go that nobody asked for. */
export function warnOnConsole(message: string): void {
  console.warn(visibleLine(message));
}
