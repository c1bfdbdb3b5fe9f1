import assert from "node:assert/strict";
import { selfCheck } from "../../kernels/_self_check.ts";
import {
  CreditKernel,
  GpuWrongResultError,
  LogitStatsKernel,
  MatchKernel,
  PolicyGradientKernel,
} from "../../kernels/mod.ts";
import { checkedMatcher } from "../../kernels/match/_compare.ts";
import { gpuTest } from "./_device.ts";

const KERNEL = { kernel: "ToyKernel", reference: "toy", settings: { size: 3 } };
const INFO = { vendor: "7", architecture: "", device: "0", description: "toy driver 1.2" };
const toyDevice = (adapterInfo?: object) => ({ adapterInfo } as unknown as GPUDevice);

/** What a check says of two values where `[1, 2]` are right within a quarter. */
function values(...actual: number[]) {
  return () =>
    Promise.resolve([{ name: "sums", actual, expected: Float32Array.of(1, 2), bound: () => 0.25 }]);
}

Deno.test("selfCheck() names the kernel, the value, the driver and the ways out", async () => {
  await assert.rejects(selfCheck(toyDevice(INFO), KERNEL, values(1, 2.5)), (error) => {
    assert.ok(error instanceof GpuWrongResultError);
    const { name, code, kernel, adapter, message } = error;
    assert.deepEqual({ name, code, kernel, adapter }, {
      name: "GpuWrongResultError",
      code: "gpu_wrong_result",
      kernel: "ToyKernel",
      adapter: '"toy driver 1.2" (vendor 7, device 0)',
    });
    assert.equal(
      message,
      "Cannot use ToyKernel on this device as its results must be those of toy: sums[1] of the " +
        'self-check is 2.5, not 2, on the driver "toy driver 1.2" (vendor 7, device 0); update the ' +
        "driver, choose another backend (in Deno by DENO_WEBGPU_BACKEND=vulkan, metal, dx12 or gl), or " +
        "call toy, which runs on the CPU",
    );
    return true;
  });
});

Deno.test("selfCheck() takes NaN, too few values and too many for wrong, on any device", async () => {
  for (const wrong of [[NaN, 2], [1], [1, 2, 3]]) {
    await assert.rejects(selfCheck(toyDevice(), KERNEL, values(...wrong)), {
      adapter: '"without a description" (nothing else known)',
    });
  }
});

Deno.test("selfCheck() runs once for a device and settings, and again after a failure", async () => {
  const device = toyDevice(INFO);
  let runs = 0;
  const counted = (...actual: number[]) => () => {
    runs++;
    return values(...actual)();
  };
  await assert.rejects(selfCheck(device, KERNEL, counted(0, 0)));
  await selfCheck(device, KERNEL, counted(1.1, 2));
  await selfCheck(device, KERNEL, counted(0, 0));
  assert.equal(runs, 2);
  await assert.rejects(selfCheck(device, { ...KERNEL, settings: { size: 4 } }, counted(0, 0)));
  await assert.rejects(selfCheck(toyDevice(INFO), KERNEL, counted(0, 0)));
  assert.equal(runs, 4);
});

/** A device whose compiler takes one piece of a shader for another. */
function miscompiling(device: GPUDevice, [right, wrong]: readonly [string, string]): GPUDevice {
  return new Proxy(device, {
    get(target, key): unknown {
      const value: unknown = Reflect.get(target, key, target);
      if (key === "createShaderModule") {
        return ({ code, ...rest }: GPUShaderModuleDescriptor) =>
          target.createShaderModule({ ...rest, code: code.replace(right, wrong) });
      }
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const model = { vocabSize: 11, dtype: "bf16" } as const;

/** One fault for each shader. */
const FAULTS: {
  kernel: string;
  compile: (device: GPUDevice) => Promise<{ destroy(): void }>;
  faults: readonly (readonly [string, string])[];
}[] = [
  {
    kernel: "LogitStatsKernel",
    compile: (device) => LogitStatsKernel.compile(device, { ...model, topK: 2 }),
    faults: [["most[place] = most[place - 1u];", ""]],
  },
  {
    kernel: "PolicyGradientKernel",
    compile: (device) =>
      PolicyGradientKernel.compile(device, { ...model, klPenalty: 0.1, entropyBonus: 0.1 }),
    faults: [
      ["exp(cut_log_ratio)", "exp(0.5 * cut_log_ratio)"],
      ["let expm1 = ", "let expm1 = 2.0 * "],
      ["exp(logps)", "exp(0.5 * logps)"],
    ],
  },
  {
    kernel: "CreditKernel",
    compile: (device) =>
      CreditKernel.compile(device, {
        baseline: { scale: "group-std" },
        transform: { name: "hicra", mode: "baseline-corrected" },
      }),
    faults: [
      ["squares += deviation * deviation;", "squares += deviation;"],
      ["partial += termsOf(token, sequence);", "partial = termsOf(token, sequence);"],
      ["partial += vec2f(", "partial = vec2f("],
      ["gainOf(token)) - mean", "gainOf(token)) + mean"],
    ],
  },
  {
    kernel: "MatchKernel",
    compile: (device) => MatchKernel.compile(device, checkedMatcher()),
    faults: [["(*walk).lastToken + 1u", "(*walk).lastToken"]],
  },
];

for (const { kernel, compile, faults } of FAULTS) {
  gpuTest(`${kernel}.compile() refuses a device that computes something else`, async (device) => {
    for (const fault of faults) {
      await assert.rejects(compile(miscompiling(device, fault)), {
        name: "GpuWrongResultError",
        kernel,
      }, fault.join(" -> "));
    }
  });
}
