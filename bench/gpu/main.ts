import { Command } from "commander";
import { requestDevice } from "../../kernels/mod.ts";
import { runCommand } from "../run_command.ts";
import { markdownTable, terminalTable } from "../table.ts";
import { runCases } from "./run_cases.ts";

interface GpuOptions {
  readonly quick?: boolean;
  readonly markdown?: boolean;
}

async function main({ quick = false, markdown }: GpuOptions): Promise<void> {
  const device = await requestDevice({
    features: ["timestamp-query"],
    onLost: ({ message }) => console.error(`The GPU was lost: ${message}`),
  });
  try {
    const tables = await runCases(device, {
      quick,
      progress: (name) => console.error(`... ${name}`),
    });
    for (const table of tables) console.log((markdown ? markdownTable : terminalTable)(table));
  } finally {
    device.destroy();
  }
}

const command = new Command("deno task bench:gpu")
  .description("Checks and times every WebGPU kernel on this machine's GPU, and torch beside them.")
  .option("--quick", "arrays of 16 MiB instead of 2 GiB: no figure to quote")
  .option("--markdown", "print tables as Markdown")
  .addHelpText(
    "after",
    "\nOn Linux, Deno reaches an NVIDIA GPU through Vulkan: libvulkan1 and the driver's ICD file must be " +
      "there.\nWhere bench/peers/setup.sh was run and torch sees CUDA, torch eager, torch.compile and " +
      "Triton run beside.",
  )
  .action(main);

await runCommand(() => command.parseAsync());
