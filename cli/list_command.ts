import type { Command } from "commander";
import process from "node:process";
import { baselinePresets, builtinTransforms } from "../advantage/mod.ts";
import { BUILT_IN_LEXICONS } from "../sg/mod.ts";
import { type OptionSchema, optionValues } from "./option_values.ts";

/** What `alpha` may be beside a number. */
const ALPHA_EXAMPLES: readonly string[] = [
  `--transform '{"name": "hicra", "alpha": {"deduction": 0.1, "branching": 0.3, ` +
  `"backtracking": 0.3, "other": 0.1}}'`,
  `--transform '{"name": "hicra", "alpha": {"type": "gated", "signal": "accuracy", ` +
  `"threshold": 0.5, "when": "above", "open": 0.2}}' --signal accuracy=0.6`,
];

/** Adds `hicra list`. */
export function addListCommand(program: Command): void {
  program.command("list")
    .summary("list transforms, baselines and lexicons")
    .description("Lists every transform with its options, every baseline preset and every lexicon.")
    .action(list);
}

function list(): void {
  const transforms = builtinTransforms().describe().flatMap(({ name, summary, options }) => [
    `  ${name}: ${summary}`,
    ...Object.entries((options as OptionSchema).properties ?? {}).map(([option, schema]) => {
      const { default: value } = schema;
      const given = value === undefined ? "required" : `default ${JSON.stringify(value)}`;
      return `      ${option}: ${optionValues(schema).join(", ")}; ${given}`;
    }),
  ]);
  const baselines = Object.entries(baselinePresets)
    .map(([name, { formula }]) => `  ${name}: ${formula}`);
  const lines = [
    "Transforms (--transform), with their options",
    ...transforms,
    "",
    "An option for each kind, and one gated on a signal",
    ...ALPHA_EXAMPLES.map((example) => `  ${example}`),
    "",
    "Baselines (--baseline); std[d] divides by n - d",
    ...baselines,
    "",
    `Lexicons (--lexicon): ${BUILT_IN_LEXICONS.join(", ")}`,
  ];
  process.stdout.write(lines.join("\n") + "\n");
}
