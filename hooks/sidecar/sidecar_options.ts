/** Version of the wire protocol. A client refuses a sidecar of another one. */
export const SIDECAR_PROTOCOL = 1;

/** Options of {@linkcode createSidecar}. */
export interface SidecarOptions {
  /** What health calls the version of this package. */
  readonly version: string;
  /** Text that a client must send as `Authorization: Bearer ...`. Default: nobody is asked. */
  readonly token?: string;
  /**
   * The most bytes of request bodies held at once, of one or of many, counted as they arrive: a larger body
   * is refused, and what does not fit beside others waits or is refused.
   * @default {2 ** 30}
   */
  readonly maxBodyBytes?: number;
  /** Milliseconds in which a body must have arrived, and an answer be taken. @default {60_000} */
  readonly bodyTimeout?: number;
  /**
   * The most tokenizers, lexicons and matchers kept, of each; the one unused for longest goes, and its
   * client hands it over again.
   * @default {8}
   */
  readonly maxKept?: number;
  /** Told of every request when it has been answered. */
  readonly log?: (event: SidecarEvent) => void;
}

/** One answered request. */
export interface SidecarEvent {
  /** Number of the request, from 1. */
  readonly request: number;
  /** What the client called it, in the header `x-request-id`. */
  readonly id?: string;
  /** Method and path. */
  readonly route: string;
  /** HTTP status. */
  readonly status: number;
  /** Milliseconds from the request to the answer. */
  readonly ms: number;
  /** Bytes of the body received. */
  readonly bytesIn: number;
  /** Bytes of the body sent. */
  readonly bytesOut: number;
  /** Sequences of the batch, if there was one. */
  readonly sequences?: number;
  /** Tokens of the batch, if there was one. */
  readonly tokens?: number;
  /** What the client was told is wrong, if something is. */
  readonly problem?: string;
}
