import { jsonMembers } from "./_json_members.ts";
import { jsonText } from "./_json_text.ts";

/**
 * Replaces fields of a JSON object in its text, and appends those that it has not. Everything else keeps
 * its bytes: numbers that a float64 cannot hold, white space, and how a string is escaped.
 *
 * A name that is there twice is replaced at both places, as readers differ in which one they take.
 *
 * @param line An object that `JSON.parse` takes.
 * @param fields The values; typed arrays are written as {@linkcode jsonText} does.
 * @returns The new text.
 */
export function rewriteLine(line: string, fields: Readonly<Record<string, unknown>>): string {
  const texts = new Map(
    Object.entries(fields).map(([field, value]) => [field, jsonText(field, value)]),
  );
  const missing = new Set(texts.keys());
  const members = jsonMembers(line);
  let out = "";
  let copied = 0;
  for (const { name, start, end } of members) {
    const text = texts.get(name);
    if (text === undefined) continue;
    missing.delete(name);
    out += line.slice(copied, start) + text;
    copied = end;
  }
  const appended = [...missing].map((name) => `${JSON.stringify(name)}:${texts.get(name)}`);
  const end = members.at(-1)?.end ?? line.indexOf("{") + 1;
  const parts = members.length === 0 ? appended : ["", ...appended];
  return out + line.slice(copied, end) + parts.join(",") + line.slice(end);
}
