import { workgroupGrid } from "../_dispatch.ts";
import { WORKGROUP_SIZE } from "./shader.ts";

/** Dispatches one invocation for each element; the resources are bound in their order. */
export function dispatchOn(
  device: GPUDevice,
  pass: GPUComputePassEncoder,
  pipeline: GPUComputePipeline,
  invocations: number,
  resources: readonly GPUBufferBinding[],
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      label: pipeline.label,
      layout: pipeline.getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    }),
  );
  const workgroups = Math.ceil(invocations / WORKGROUP_SIZE);
  pass.dispatchWorkgroups(
    ...workgroupGrid(workgroups, device.limits.maxComputeWorkgroupsPerDimension),
  );
}
