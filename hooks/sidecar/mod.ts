/**
 * The hook for a training loop in another process: a local server of masks, transforms and metrics.
 * `docs/wire.md` is its protocol, `hicra serve` its command, the Python package `hicra_hook` its client.
 *
 * @module
 */
export { createSidecar, type Sidecar } from "./sidecar.ts";
export { SIDECAR_PROTOCOL, type SidecarEvent, type SidecarOptions } from "./sidecar_options.ts";
export {
  createSidecarServer,
  type SidecarServer,
  type SidecarServerOptions,
} from "./sidecar_server.ts";
