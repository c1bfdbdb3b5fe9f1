import { GpuWrongResultError } from "./gpu_wrong_result_error.ts";

/** An array of a kernel's results beside what the CPU's reference gives. */
export interface Comparison {
  readonly name: string;
  readonly actual: ArrayLike<number>;
  readonly expected: ArrayLike<number>;
  /** Greatest accepted distance of a value; it must be equal where left out. */
  readonly bound?: (index: number) => number;
}

/** What is checked: a kernel as it was compiled. */
export interface CheckedKernel {
  /** Name of its class. */
  readonly kernel: string;
  /** The function that computes the same on a CPU. */
  readonly reference: string;
  /** What it was compiled with; other settings are other code to a driver. */
  readonly settings: unknown;
}

/** The kernels that a device has computed rightly. */
const passed = new WeakMap<GPUDevice, Set<string>>();

/**
 * Compares a kernel with its reference on a few rows before anybody gets it, once for a device and the kernel's
 * settings. Drivers exist that compile a shader without complaint and compute something else, and nothing that
 * a device says of itself tells them apart.
 *
 * @param compare Runs the kernel and its reference on the same small input.
 */
export async function selfCheck(
  device: GPUDevice,
  { kernel, reference, settings }: CheckedKernel,
  compare: () => Promise<readonly Comparison[]>,
): Promise<void> {
  const key = `${kernel} ${JSON.stringify(settings)}`;
  if (passed.get(device)?.has(key)) return;
  for (const { name, actual, expected, bound = () => 0 } of await compare()) {
    for (let i = 0; i < Math.max(actual.length, expected.length); i++) {
      // Not the other way round: a NaN is within no bound.
      if (actual[i] === expected[i] || Math.abs(actual[i]! - expected[i]!) <= bound(i)) continue;
      const adapter = describeAdapter(device);
      throw new GpuWrongResultError(
        `Cannot use ${kernel} on this device as its results must be those of ${reference}: ` +
          `${name}[${i}] of the self-check is ${actual[i]}, not ${
            expected[i]
          }, on the driver ${adapter}; ` +
          `update the driver, choose another backend (in Deno by DENO_WEBGPU_BACKEND=vulkan, metal, ` +
          `dx12 or gl), or call ${reference}, which runs on the CPU`,
        { kernel, adapter },
      );
    }
  }
  passed.set(device, (passed.get(device) ?? new Set()).add(key));
}

/** Numbers in [-1, 1) as by chance, the same everywhere (constants of Numerical Recipes). */
export function scattered(length: number): Float64Array {
  let state = 1;
  return Float64Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function describeAdapter({ adapterInfo }: GPUDevice): string {
  // Not every runtime has it, and most leave some of it empty.
  const { description, vendor, architecture, device } = adapterInfo ?? {};
  const facts = Object.entries({ vendor, architecture, device })
    .filter(([, value]) => value)
    .map(([name, value]) => `${name} ${value}`);
  return `"${description || "without a description"}" (${
    facts.join(", ") || "nothing else known"
  })`;
}
