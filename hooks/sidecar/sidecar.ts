import { answerer } from "./_answer.ts";
import type { BodySource } from "./_read_body.ts";
import type { SidecarOptions } from "./sidecar_options.ts";

/** The sidecar without its socket. */
export interface Sidecar {
  /** Answers a request. It never rejects: a failure is an answer too. */
  readonly fetch: (request: Request) => Promise<Response>;
}

/**
 * Creates the sidecar: planning masks, transforms and metrics for a training loop in another process,
 * over HTTP with safetensors bodies. `docs/wire.md` is its specification.
 *
 * It is a function from request to response, so that it runs on any server; {@linkcode createSidecarServer}
 * puts the same on one of `node:http`, with limits on connections, as `hicra serve` does. Bodies need a
 * `Content-Length`, which those of clients have and a `Request` of one's own must be given. It keeps
 * tokenizers and lexicons that clients hand over, and nothing else: an answer depends on its request alone,
 * which may be sent again.
 *
 * @example Usage
 * ```ts
 * import { createSidecar } from "@hicra/hicra/sidecar";
 * import assert from "node:assert/strict";
 *
 * const sidecar = createSidecar({ version: "0.1.0" });
 * const response = await sidecar.fetch(new Request("http://sidecar/v1/health"));
 * assert.equal((await response.json()).protocol, 1);
 * ```
 *
 * @param options Version, token, limits and log.
 * @returns The sidecar.
 * @throws {RangeError} If a limit is no whole number from 1, or `bodyTimeout` is above `2 ** 31 - 1`.
 */
export function createSidecar(options: SidecarOptions): Sidecar {
  const answer = answerer(options);
  return {
    fetch: async (request) => {
      const { status, headers, body, release } = await answer({
        method: request.method,
        target: request.url,
        header: (name) => request.headers.get(name) ?? undefined,
        body: sourceOf(request),
      });
      release();
      return new Response(body, { status, headers });
    },
  };
}

function sourceOf({ body }: Request): BodySource {
  const reader = body?.getReader();
  return {
    each: async (onChunk) => {
      for (;;) {
        const { value, done } = await reader?.read() ?? { done: true };
        if (done) return;
        await onChunk(value!);
      }
    },
    cancel: () => void reader?.cancel().catch(() => {}),
  };
}
