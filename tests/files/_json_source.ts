import fc from "fast-check";

const SPACE = fc.string({ unit: fc.constantFrom(" ", "\t"), maxLength: 2 });

const NUMBER = fc.oneof(
  fc.constantFrom(
    "9007199254740993",
    "1e400",
    "-1E-400",
    "1.0",
    "-0.0",
    "-0",
    "1E5",
    "0.10",
    "1e+2",
  ),
  fc.stringMatching(/^-?(0|[1-9]\d{0,24})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/),
);

const CHARACTERS = [
  ..."a{}[],: ",
  "\u00e9",
  "\ud83d\ude00",
  "\u2028",
  "\ufeff",
  '\\"',
  "\\/",
  "\\n",
  "\\u0061",
  "\\uD800",
  "\\ud83d\\uDE00",
];

/** A string as it may stand in a file: characters as they are, or escaped where that is not needed. */
export const JSON_STRING: fc.Arbitrary<string> = stringOf([...CHARACTERS, "\\\\"]);

/**
 * A name: a string without a backslash, as V8 15 takes the name `\"` of an object for `\` where one of the same
 * shape with that name was read before.
 */
export const JSON_NAME: fc.Arbitrary<string> = stringOf(CHARACTERS);

function stringOf(characters: readonly string[]): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...characters)).map((parts) => `"${parts.join("")}"`);
}

const LITERAL = fc.constantFrom("true", "false", "null");

/** Text of a JSON value, in every way that JSON may be written on one line. */
export const JSON_SOURCE: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    NUMBER,
    JSON_STRING,
    LITERAL,
    fc.tuple(SPACE, fc.array(spaced(tie("value")), { maxLength: 4 })).map(([space, values]) =>
      `[${values.length === 0 ? space : values.join()}]`
    ),
    fc.tuple(SPACE, fc.array(member(JSON_NAME, tie("value")), { maxLength: 4 })).map((
      [space, members],
    ) => objectSource(space, members)),
  ),
})).value;

/** Text of an object with these members, and of white space where it has none. */
export function objectSource(space: string, members: readonly string[]): string {
  return `{${members.length === 0 ? space : members.join()}}`;
}

/** Text of a member. */
export function member(
  name: fc.Arbitrary<string>,
  value: fc.Arbitrary<string>,
): fc.Arbitrary<string> {
  return fc.tuple(spaced(name), spaced(value)).map((parts) => parts.join(":"));
}

/** Text with white space around it. */
export function spaced(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(SPACE, text, SPACE).map((parts) => parts.join(""));
}

/** Text of an object of any members; a name may be there twice. */
export const OBJECT_SOURCE: fc.Arbitrary<string> = spaced(
  fc.tuple(SPACE, fc.array(member(fc.oneof(JSON_NAME, fc.constant('"a"')), JSON_SOURCE))).map((
    [space, members],
  ) => objectSource(space, members)),
);
