import { z } from "zod";
import { checkOptions, didYouMean } from "../batch/internal.ts";
import { InputRangeError, InputTypeError } from "../batch/mod.ts";
import type { Transform } from "./transform.ts";

/** A schema of zod 4 whose output is `Output`, such as `z.strictObject({ by: z.number() })`. */
export interface OptionsSchema<Output> {
  /** The part of a zod schema that carries its output type. */
  readonly _zod: {
    /** Type of what the schema returns. */
    readonly output: Output;
  };
}

/** How a transform enters a {@linkcode TransformRegistry}. */
export interface TransformDefinition<Options> {
  /** What it does, in one line. */
  readonly summary: string;
  /** Link to where the formula comes from. */
  readonly source?: string;
  /** Schema of the options; without it the transform takes none. */
  readonly schema?: OptionsSchema<Options>;
  /** Creates the transform from options that passed the schema. */
  create(options: Options): Transform;
}

/** A transform by name with its options, as it stands in a configuration file. */
export interface TransformConfig {
  /** Name under which the transform is registered. */
  readonly name: string;
  /** Options of that transform. */
  readonly [option: string]: unknown;
}

/** What a registry tells of a transform. */
export interface TransformDescription {
  /** Name in a configuration. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Link to where the formula comes from. */
  readonly source?: string;
  /** JSON schema of the options. */
  readonly options: Readonly<Record<string, unknown>>;
}

interface Entry {
  readonly description: TransformDescription;
  create(options: Record<string, unknown>): Transform;
}

const noOptions = z.strictObject({}, {
  error: (issue) => issue.code === "unrecognized_keys" ? "it takes no options" : undefined,
});

/**
 * Names transforms, so that plain JSON configures them. A registry is an ordinary value: two of them
 * share nothing. {@linkcode builtinTransforms} returns one that holds all of this package.
 *
 * @example A transform of one's own
 * ```ts
 * import { builtinTransforms } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const registry = builtinTransforms().register(
 *   "halve",
 *   ({ advantages }) => ({ advantages: advantages.map((advantage) => advantage / 2) }),
 * );
 * assert.equal(registry.create({ name: "halve" }).name, "halve");
 * ```
 *
 * @example With options
 * ```ts
 * import { TransformRegistry } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 * import { z } from "zod";
 *
 * const registry = new TransformRegistry().register("scale", {
 *   summary: "Multiplies all advantages",
 *   schema: z.strictObject({ by: z.number() }),
 *   create: ({ by }) => ({
 *     name: "scale",
 *     needs: [],
 *     apply: ({ advantages }) => ({ advantages: advantages.map((advantage) => advantage * by) }),
 *   }),
 * });
 * registry.create({ name: "scale", by: 2 });
 * assert.throws(() => registry.create({ name: "scale", by: "2" }), /by must be of type number/);
 * ```
 */
export class TransformRegistry {
  readonly #entries = new Map<string, Entry>();

  /**
   * Adds a transform.
   *
   * @param name Name in a configuration; it must be new.
   * @param definition What creates the transform from options, or a plain
   * {@linkcode Transform.apply} function for one without options and needs.
   * @returns This registry.
   * @throws {RangeError} If the name is empty or taken.
   */
  register<Options>(
    name: string,
    definition: TransformDefinition<Options> | Transform["apply"],
  ): this {
    if (name === "") {
      throw new InputRangeError(
        'Cannot register a transform as its name must not be empty: it is ""',
      );
    }
    if (this.#entries.has(name)) {
      throw new InputRangeError(
        `Cannot register transform "${name}" as the name must be new: it is taken, choose another`,
      );
    }
    this.#entries.set(
      name,
      typeof definition === "function"
        ? entryOf(name, {
          summary: "A transform registered by the user",
          create: () => ({ name, needs: [], apply: definition }),
        })
        : entryOf(name, definition),
    );
    return this;
  }

  /**
   * Creates a transform from its configuration.
   *
   * @param config Name and options.
   * @returns The transform.
   * @throws {RangeError} If the name is unknown or an option is out of range.
   * @throws {TypeError} If the configuration is no object with a name, or an option is unknown or of
   * the wrong type.
   */
  create(config: TransformConfig): Transform {
    const { entry, options } = this.#find(config);
    return entry.create(options);
  }

  /**
   * Lists the registered names.
   *
   * @returns Names in the order of registration.
   */
  names(): string[] {
    return [...this.#entries.keys()];
  }

  /**
   * Describes every transform: enough to list them and to check a configuration elsewhere.
   *
   * @returns Descriptions in the order of registration.
   */
  describe(): TransformDescription[] {
    return Array.from(this.#entries.values(), ({ description }) => description);
  }

  #find(config: TransformConfig): { entry: Entry; options: Record<string, unknown> } {
    if (typeof config !== "object" || config === null || typeof config.name !== "string") {
      throw new InputTypeError(
        'Cannot create a transform as its configuration must be an object such as {"name": "hicra", ' +
          `"alpha": 0.2}: current value is ${JSON.stringify(config)}`,
      );
    }
    const { name, ...options } = config;
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      throw new InputRangeError(
        `Cannot create transform "${name}" as no transform has that name: known names are ` +
          `${this.names().join(", ")}${didYouMean(name, this.names())}`,
      );
    }
    return { entry, options };
  }
}

function entryOf<Options>(name: string, definition: TransformDefinition<Options>): Entry {
  const { summary, source } = definition;
  // Without a schema there are no options, and `create` has none to read.
  const schema = (definition.schema ?? noOptions) as unknown as z.ZodType<Options>;
  const options = z.toJSONSchema(schema, { io: "input" });
  return {
    description: { name, summary, ...(source && { source }), options },
    create: (given) => definition.create(checkOptions(`create transform "${name}"`, schema, given)),
  };
}
