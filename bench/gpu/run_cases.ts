import type { Spread } from "../timing.ts";
import type { GpuCase, Scale } from "./gpu_case.ts";
import { measureRoofs, type Roofs } from "./roofs.ts";
import { timeOnDevice } from "./time_on_device.ts";
import { type TorchTiming, torchTimings } from "./torch_peers.ts";

/** What was found for one kernel. */
export interface CaseFigures {
  readonly name: string;
  readonly size: string;
  readonly bytes: number;
  readonly operations: number;
  /** Milliseconds on the device. */
  readonly milliseconds: Spread;
  /** What was compared with the reference. */
  readonly checked: string;
  /** What was wrong, or null. */
  readonly wrong: string | null;
}

/** All figures of a run. */
export interface GpuFigures {
  readonly date: string;
  readonly adapter: string;
  /** Whether the adapter emulates a GPU on the processor; then no figure says anything of a GPU. */
  readonly software: boolean;
  readonly rounds: number;
  readonly roofs: Roofs;
  readonly cases: readonly CaseFigures[];
  /** Times of torch, or why there are none. */
  readonly torch: readonly TorchTiming[] | string;
}

const FULL = { bytes: 2 ** 31, vocabSize: 151_936, rounds: 9 };
/** A vocabulary that is a multiple of nothing, and little memory. */
const QUICK = { bytes: 2 ** 24, vocabSize: 32_003, rounds: 3 };

/** What the adapter calls itself. */
export function adapterName({ adapterInfo }: GPUDevice): string {
  const { description, vendor, architecture } = adapterInfo;
  return [description, vendor, architecture].find((text) => text !== "") ?? "unnamed";
}

/** Whether the adapter emulates a GPU on the processor. */
export function isSoftware(device: GPUDevice): boolean {
  return device.adapterInfo.isFallbackAdapter ||
    /llvmpipe|lavapipe|swiftshader|software/i.test(adapterName(device));
}

/** Checks and times every case, one after the other. */
export async function runCases(
  device: GPUDevice,
  gpuCases: readonly GpuCase[],
  { quick, progress }: { readonly quick: boolean; readonly progress: (name: string) => void },
): Promise<GpuFigures> {
  const { rounds, vocabSize, bytes: wanted } = quick ? QUICK : FULL;
  // Two arrays of the size must fit beside each other: buffers, and memory.
  const scale: Scale = { bytes: Math.min(wanted, device.limits.maxBufferSize), vocabSize };
  const adapter = adapterName(device);
  const software = isSoftware(device);
  progress("roofs");
  const copied = Math.min(scale.bytes, 2 ** 30);
  const roofs = await measureRoofs(device, { bytes: copied, rounds, software });
  const cases: CaseFigures[] = [];
  for (const { name, prepare } of gpuCases) {
    progress(name);
    const prepared = await prepare(device, scale);
    try {
      const milliseconds = await timeOnDevice(device, (encoder) => prepared.encode(encoder), {
        rounds,
      });
      const { checked, wrong } = await prepared.check().then(
        (checked) => ({ checked, wrong: null }),
        ({ message }: Error) => ({ checked: "", wrong: message }),
      );
      const { size, bytes, operations } = prepared;
      cases.push({ name, size, bytes, operations, milliseconds, checked, wrong });
    } finally {
      prepared.destroy();
    }
  }
  progress("torch");
  const tokens = [4, 2, 2].map((size) => Math.floor(scale.bytes / (size * vocabSize)));
  const torch = software
    ? "torch on a GPU is left out: the adapter is no GPU"
    : torchTimings({ tokens, vocabSize, rounds, device: "cuda" });
  const date = new Date().toISOString().slice(0, 10);
  return { date, adapter, software, rounds, roofs, cases, torch };
}
