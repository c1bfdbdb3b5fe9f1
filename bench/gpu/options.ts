import { parseArgs } from "node:util";
import { InputRangeError } from "../../batch/mod.ts";

/** Flags of the GPU bench. */
export interface GpuBenchOptions {
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly readme: boolean;
}

export const HELP =
  `Checks and times every WebGPU kernel on this machine's GPU, and torch beside them.

    deno task bench:gpu            # arrays of 2 GiB, half a minute on a large GPU
    deno task bench:gpu --quick    # arrays of 16 MiB, to see that all is well; no figure to quote

Flags:
  --json FILE   all figures, for a program
  --readme      write the table, with device and date, into bench/README.md; of a full run on a GPU only
  --quick       small arrays
  -h, --help    this text

On Linux, Deno reaches an NVIDIA GPU through Vulkan: libvulkan1 and the driver's ICD file must be there. Where
bench/peers/setup.sh was run and torch sees CUDA, torch eager, torch.compile and Triton run beside.
`;

/** Parses the flags; null asks for help. */
export function parseOptions(args: readonly string[]): GpuBenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      readme: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  if (values.readme && values.quick) {
    throw new InputRangeError(
      "Cannot write figures into bench/README.md as they must be of a full run: --quick is given",
    );
  }
  return { quick: values.quick, json: values.json, readme: values.readme };
}
