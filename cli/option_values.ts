/** The part of a JSON schema that says what an option may be. */
export interface OptionSchema {
  readonly default?: unknown;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly OptionSchema[];
  readonly oneOf?: readonly OptionSchema[];
  readonly properties?: Readonly<Record<string, OptionSchema>>;
}

/**
 * Says in words what values an option of a transform may have.
 *
 * @param schema JSON schema of the option.
 * @returns Each kind of value once, in the order of the schema.
 */
export function optionValues(schema: OptionSchema): string[] {
  const { type, enum: values, anyOf, oneOf, properties } = schema;
  const choices = anyOf ?? oneOf;
  if (choices !== undefined) return [...new Set(choices.flatMap(optionValues))];
  if (values !== undefined) return values.map((value) => JSON.stringify(value));
  if ("const" in schema) return [JSON.stringify(schema.const)];
  switch (type) {
    case "integer":
      return ["whole number"];
    case "boolean":
      return ["true", "false"];
    case "object":
      if (properties?.type === undefined) return ["an object of these by kind"];
      return [`${properties.type.const} schedule`];
    default:
      return [type ?? "any"];
  }
}
