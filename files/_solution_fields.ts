import { InputRangeError, InputTypeError } from "../batch/mod.ts";
import type { Solution } from "./solution.ts";

/** Where a record holds its solutions; dotted paths, as arrays of names. */
export interface SolutionFields {
  readonly text: readonly string[];
  readonly prompt: readonly string[];
  /** Absent where the records have no label. */
  readonly label?: readonly string[];
}

/** The fields that the caller names. */
export interface NamedFields {
  readonly textField?: string | undefined;
  readonly promptField?: string | undefined;
  readonly labelField?: string | undefined;
}

const TEXTS = [
  "completion",
  "response",
  "solution",
  "text",
  "output",
  "generation",
  "generations",
  "messages",
  "conversation",
  "conversations",
];
const TEXT_FIELDS = [...TEXTS, ...TEXTS.map((name) => `samples.${name}`)];
const PROMPT_FIELDS = [
  "prompt_id",
  "group_id",
  "problem_id",
  "task_id",
  "id",
  "prompt",
  "problem",
  "question",
  "task",
  "input",
];
/** Looked for beside the text, so that no label of a group is taken for that of a sample. */
const LABELS = [
  "correct",
  "succeeded",
  "is_correct",
  "passed",
  "label",
  "score",
  "reward",
  "correctness_math_verify",
];

/** The top-level fields that may hold something, for formats that read by column. */
export function candidateColumns(named: NamedFields): readonly string[] {
  const texts = named.textField === undefined ? TEXT_FIELDS : [named.textField];
  const prompts = named.promptField === undefined ? PROMPT_FIELDS : [named.promptField];
  const labels = named.labelField === undefined ? LABELS : [named.labelField];
  return topLevel([...texts, ...prompts, ...labels].map((path) => path.split(".")));
}

/** The top-level fields that the solutions are read from. */
export function columnsOf({ text, prompt, label }: SolutionFields): readonly string[] {
  return topLevel(label === undefined ? [text, prompt] : [text, prompt, label]);
}

function topLevel(paths: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(paths.map((path) => path[0]!))];
}

/** Chooses the fields that the caller does not name by what the first record holds. */
export function chooseFields(record: object, named: NamedFields, where: string): SolutionFields {
  const text = named.textField ?? firstHeld(record, TEXT_FIELDS, isText);
  if (text === undefined) throw missingError(record, where, "a text", "textField");
  const prompt = named.promptField ?? firstHeld(record, PROMPT_FIELDS, isPromptId);
  if (prompt === undefined) throw missingError(record, where, "a prompt id", "promptField");
  const beside = text.slice(0, text.lastIndexOf(".") + 1);
  const labels = LABELS.map((name) => beside + name);
  const label = named.labelField ?? firstHeld(record, labels, isLabel);
  return {
    text: text.split("."),
    prompt: prompt.split("."),
    ...(label !== undefined && { label: label.split(".") }),
  };
}

/**
 * The solutions of one record: one for each element of the arrays on the way to the text. The n-th
 * array on the way to the label takes the index of the n-th on the way to the text, and must have as
 * many elements.
 */
export function solutionsOf(
  record: object,
  fields: SolutionFields,
  minReward: number,
  where: string,
): Solution[] {
  const promptId = valueAt(record, fields.prompt, [], where);
  if (!isPromptId(promptId)) {
    throw kindError(where, fields.prompt, "a string, a number or a chat", promptId);
  }
  if (typeof promptId === "number" && Math.abs(promptId) > Number.MAX_SAFE_INTEGER) {
    throw new InputRangeError(
      `Cannot read ${where} as ${
        fields.prompt.join(".")
      } must have all its digits: current value is ` +
        `${promptId}, a float64 that several ids round to, write it as an integer or a string`,
    );
  }
  const name = isChat(promptId) ? JSON.stringify(promptId, withoutBigint) : String(promptId);
  return leavesOf(record, fields.text).map(({ value, steps }) => {
    const text = isChat(value) ? assistantText(value) : value;
    if (typeof text !== "string") {
      throw kindError(
        where,
        fields.text,
        "a string, or a chat with a turn of the assistant",
        value,
      );
    }
    const label = fields.label && valueAt(record, fields.label, steps, where);
    if (label === undefined || label === null) return { text, promptId: name };
    if (!isLabel(label)) {
      throw kindError(where, fields.label!, "true, false, a number or null", label);
    }
    const succeeded = typeof label === "boolean" ? label : reaches(Number(label), minReward);
    return { text, promptId: name, succeeded };
  });
}

/** A label of float32, as a column of Parquet may hold, is as much as the number that it was made of. */
function reaches(label: number, minReward: number): boolean {
  return label >= minReward || label === Math.fround(minReward);
}

/** An array on the way: which element was taken, of how many. */
interface Step {
  readonly index: number;
  readonly length: number;
}

function leavesOf(
  value: unknown,
  path: readonly string[],
  steps: readonly Step[] = [],
): { value: unknown; steps: readonly Step[] }[] {
  if (Array.isArray(value) && !isChat(value)) {
    const { length } = value;
    return value.flatMap((element, index) =>
      leavesOf(element, path, [...steps, { index, length }])
    );
  }
  return path.length === 0
    ? [{ value, steps }]
    : leavesOf(member(value, path[0]!), path.slice(1), steps);
}

function valueAt(
  record: unknown,
  path: readonly string[],
  steps: readonly Step[],
  where: string,
): unknown {
  let value = record;
  let depth = 0;
  for (let i = 0; i <= path.length; i++) {
    for (; Array.isArray(value) && !isChat(value); depth++) {
      const step = steps[depth];
      if (step?.length !== value.length) {
        throw new InputTypeError(
          `Cannot read ${where} as ${path.join(".")} must hold one value for each text: ` +
            `current value is ${value.length} in an array, for ${
              step === undefined ? "a text in none" : `${step.length} texts`
            }`,
        );
      }
      value = value[step.index];
    }
    if (i < path.length) value = member(value, path[i]!);
  }
  return value;
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

/** The text of a turn, or of its parts. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => typeof part?.text === "string" ? part.text : "").join("");
}

function firstHeld(
  record: object,
  candidates: readonly string[],
  isKind: (value: unknown) => boolean,
): string | undefined {
  return candidates.find((candidate) => {
    const leaves = leavesOf(record, candidate.split("."));
    return leaves.length > 0 && leaves.every(({ value }) => isKind(value));
  });
}

function isText(value: unknown): boolean {
  return typeof value === "string" || (isChat(value) && assistantText(value) !== undefined);
}

/** A turn of a chat: of trainers and APIs, or of ShareGPT. */
interface Turn {
  readonly role?: unknown;
  readonly content?: unknown;
  readonly from?: unknown;
  readonly value?: unknown;
}

/** Who speaks for the model. */
const ASSISTANT: ReadonlySet<unknown> = new Set(["assistant", "gpt", "model"]);

/** Whether a value is a chat: an array of turns, each with a role. */
function isChat(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 &&
    value.every((turn) => typeof (turn?.role ?? turn?.from) === "string");
}

/** What the assistant says, its turns as paragraphs; undefined where it says nothing. */
function assistantText(chat: unknown): string | undefined {
  const texts = (chat as readonly Turn[])
    .filter(({ role, from }) => ASSISTANT.has(role ?? from))
    .map(({ content, value }) => textOf(content ?? value))
    .filter((text) => text !== "");
  return texts.length === 0 ? undefined : texts.join("\n\n");
}

function isPromptId(value: unknown): boolean {
  return typeof value === "string" || typeof value === "bigint" || Number.isFinite(value) ||
    isChat(value);
}

function isLabel(value: unknown): value is boolean | number | bigint | null {
  return typeof value === "boolean" || typeof value === "bigint" || value === null ||
    Number.isFinite(value);
}

function missingError(record: object, where: string, what: string, option: string): InputTypeError {
  return new InputTypeError(
    `Cannot read ${where} as a solution must have ${what} in a known field: current fields are ` +
      `${Object.keys(record).join(", ")}, name one in ${option}`,
    { option },
  );
}

function kindError(
  where: string,
  path: readonly string[],
  what: string,
  value: unknown,
): InputTypeError {
  const text = typeof value === "object" ? JSON.stringify(value, withoutBigint) : String(value);
  return new InputTypeError(
    `Cannot read ${where} as ${path.join(".")} must be ${what}: current value is ` +
      (text.length > 60 ? `${text.slice(0, 57)}...` : text),
  );
}

/** JSON has no bigint, which is what long integers are read as. */
function withoutBigint(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
