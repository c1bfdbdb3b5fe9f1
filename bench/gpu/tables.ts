import { significant } from "../report/format.ts";
import type { Table } from "../report/table.ts";
import type { GpuFigures } from "./run_cases.ts";

/** Device and date in one line. */
export function machineLine({ date, adapter, software, rounds }: GpuFigures): string {
  const warning = software ? " A SOFTWARE ADAPTER: no figure here says anything of a GPU." : "";
  return `${date}, ${adapter}, medians of ${rounds} rounds.${warning}`;
}

/** Kernels, and torch beside them. */
export function gpuTables({ roofs, cases, torch }: GpuFigures): Table[] {
  const gigabytes = roofs.bytesPerSecond / 1e9;
  const teraflops = roofs.operationsPerSecond / 1e12;
  const kernels: Table = {
    title: "Kernels on the device",
    note:
      `Time of the device alone, by timestamps. Of the roof: bytes that must be read and written at least, over what a ` +
      `plain copy moves in the same time (measured here: ${
        significant(gigabytes)
      } GB/s read plus written), or operations ` +
      `over those of multiply-adds in registers (measured here: ${
        significant(teraflops)
      } TFLOP/s in f32).`,
    columns: [
      "kernel",
      "size",
      "ms",
      "range",
      "GB/s",
      "TFLOP/s",
      "of the roof",
      "against the reference",
    ],
    words: [1, 7],
    rows: cases.map((found) => {
      const { name, size, bytes, operations, milliseconds, checked, wrong } = found;
      const seconds = milliseconds.median / 1000;
      const memory = bytes / seconds / roofs.bytesPerSecond;
      const arithmetic = operations / seconds / roofs.operationsPerSecond;
      return [
        name,
        size,
        significant(milliseconds.median),
        `${significant(milliseconds.min)}–${significant(milliseconds.max)}`,
        significant(bytes / seconds / 1e9),
        operations === 0 ? "–" : significant(operations / seconds / 1e12),
        `${significant(100 * (operations === 0 ? memory : arithmetic))} %`,
        wrong === null ? checked : `WRONG: ${wrong}`,
      ];
    }),
  };
  if (typeof torch === "string") return [{ ...kernels, note: `${kernels.note} ${torch}.` }];
  const peers: Table = {
    title: "torch on the same GPU",
    note: "The same sizes and element types, by CUDA events, in the same run of the bench.",
    columns: ["case", "peer", "ms", "range", "GB/s"],
    words: [1],
    rows: typeof torch === "string"
      ? []
      : torch.map(({ bytes, leftOut, median, min, max, ...rest }) =>
        leftOut !== undefined || median === undefined
          ? [rest.case, rest.peer, "–", leftOut ?? "", "–"]
          : [
            rest.case,
            rest.peer,
            significant(median),
            `${significant(min!)}–${significant(max!)}`,
            significant(bytes / median / 1e6),
          ]
      ),
  };
  return [kernels, peers];
}
