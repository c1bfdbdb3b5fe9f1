import { createHash, timingSafeEqual } from "node:crypto";
import { InputRangeError } from "../../batch/mod.ts";
import { emptyMetrics, metricPairs } from "../../metrics/mod.ts";
import { batchFromSafetensors } from "../batch_safetensors.ts";
import { ByteBudget } from "./_byte_budget.ts";
import { Matchers } from "./_matchers.ts";
import { type Answer, operations } from "./_operations.ts";
import { Problem, problemOf } from "./_problem.ts";

/** Version of the wire protocol. A client refuses a sidecar of another one. */
export const SIDECAR_PROTOCOL = 1;

const SAFETENSORS = "application/vnd.safetensors";
const JSON_TYPE = "application/json";

/** Options of {@linkcode createSidecar}. */
export interface SidecarOptions {
  /** What health calls the version of this package. */
  readonly version: string;
  /** Text that a client must send as `Authorization: Bearer ...`. Default: nobody is asked. */
  readonly token?: string;
  /**
   * The most bytes of request bodies held at once, of one or of many: a larger body is refused, and what
   * does not fit beside others waits.
   * @default {2 ** 30}
   */
  readonly maxBodyBytes?: number;
  /** Milliseconds in which a body must have arrived. @default {60_000} */
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

/** The sidecar without its socket. */
export interface Sidecar {
  /** Answers a request. It never rejects: a failure is an answer too. */
  readonly fetch: (request: Request) => Promise<Response>;
}

/**
 * Creates the sidecar: planning masks, transforms and metrics for a training loop in another process,
 * over HTTP with safetensors bodies. `docs/wire.md` is its specification.
 *
 * It is a function from request to response, so that it runs on any server, on Deno's for instance with
 * the path of a socket, as `hicra serve` does. Bodies need a `Content-Length`, which those of clients
 * have and a `Request` of one's own must be given. It keeps tokenizers and lexicons that clients hand over, and nothing else: an answer
 * depends on its request alone, which may be sent again.
 *
 * @example Usage
 * ```ts
 * import { createSidecar } from "@hicra/hicra/hooks";
 * import assert from "node:assert/strict";
 *
 * const sidecar = createSidecar({ version: "0.1.0" });
 * const response = await sidecar.fetch(new Request("http://sidecar/v1/health"));
 * assert.equal((await response.json()).protocol, 1);
 * ```
 *
 * @param options Version, token, limits and log.
 * @returns The sidecar.
 * @throws {RangeError} If a limit is no whole number from 1.
 */
export function createSidecar(options: SidecarOptions): Sidecar {
  const { version, token, maxBodyBytes = 2 ** 30, bodyTimeout = 60_000, maxKept = 8 } = options;
  for (const [name, value] of Object.entries({ maxBodyBytes, bodyTimeout, maxKept })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new InputRangeError(
        `Cannot create a sidecar as ${name} must be a whole number from 1: current value is ${value}`,
      );
    }
  }
  const matchers = new Matchers(maxKept);
  const ofBatch = operations(matchers);
  const budget = new ByteBudget(maxBodyBytes);
  let requests = 0;

  const routes: Readonly<Record<string, Route>> = {
    "/v1/health": {
      method: "GET",
      answer: () => ({
        status: "ok",
        protocol: SIDECAR_PROTOCOL,
        contract: 1,
        version,
        tokenizers: matchers.tokenizers,
        lexicons: matchers.lexicons,
        metrics: Object.keys(metricPairs(emptyMetrics())),
        limits: {
          "max_body_bytes": maxBodyBytes,
          "body_timeout_ms": bodyTimeout,
          "max_kept": maxKept,
        },
        requests,
      }),
    },
    "/v1/tokenizer": {
      method: "POST",
      media: [JSON_TYPE, SAFETENSORS],
      answer: ({ body, media, request }) =>
        media === JSON_TYPE
          ? matchers.addTokenizerJson(body, vocabSizeOf(request))
          : matchers.addTokenTable(body),
    },
    "/v1/lexicon": {
      method: "POST",
      media: [JSON_TYPE, "text/plain"],
      answer: ({ body, request }) => matchers.addLexicon(body, lexiconNameOf(request)),
    },
    ...Object.fromEntries(
      Object.entries(ofBatch).map(([name, operation]) => [`/v1/${name}`, {
        method: "POST",
        media: [SAFETENSORS],
        answer: ({ body, trail }: Received) => {
          const decoded = batchFromSafetensors(body);
          trail.sequences = decoded.batch.numSequences;
          trail.tokens = decoded.batch.numTokens;
          return operation(decoded);
        },
      }]),
    ),
  };

  const answer = async (request: Request, path: string, trail: Trail): Promise<Answer> => {
    if (token !== undefined && !isAuthorized(request, token)) throw unauthorized();
    if (!Object.hasOwn(routes, path)) throw noSuchPath(path, Object.keys(routes));
    const route = routes[path]!;
    if (request.method !== route.method) throw wrongMethod(request, path, route.method);
    if (route.method === "GET") return route.answer();
    const media = (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
    if (!route.media.includes(media)) throw wrongMedia(media, route.media);
    const bytes = bodyBytes(request, maxBodyBytes);
    const release = await budget.take(bytes);
    try {
      const body = await bodyWithin(request, bodyTimeout);
      trail.bytesIn = body.length;
      return await route.answer({ body, media, request, trail });
    } finally {
      release();
    }
  };

  return {
    fetch: async (request) => {
      const start = performance.now();
      const number = ++requests;
      const { pathname } = new URL(request.url);
      const trail: Trail = { bytesIn: 0 };
      let reply: Reply;
      let problem: Problem | undefined;
      try {
        reply = toReply(200, await answer(request, pathname, trail));
      } catch (error) {
        problem = problemOf(error);
        const { status, code, message } = problem;
        reply = toReply(status, { error: { code, message } });
      }
      const id = request.headers.get("x-request-id");
      options.log?.({
        request: number,
        ...(id !== null && { id }),
        route: `${request.method} ${pathname}`,
        status: reply.status,
        ms: Math.round((performance.now() - start) * 1000) / 1000,
        bytesIn: trail.bytesIn,
        bytesOut: reply.body.length,
        ...(trail.sequences !== undefined && { sequences: trail.sequences }),
        ...(trail.tokens !== undefined && { tokens: trail.tokens }),
        ...(problem !== undefined && { problem: problem.message }),
      });
      return new Response(reply.body, { status: reply.status, headers: reply.headers });
    },
  };
}

type Route =
  | { readonly method: "GET"; readonly answer: () => Answer }
  | {
    readonly method: "POST";
    readonly media: readonly string[];
    readonly answer: (received: Received) => Answer | Promise<Answer>;
  };

interface Received {
  readonly body: Uint8Array;
  readonly media: string;
  readonly request: Request;
  readonly trail: Trail;
}

/** What is learnt while a request is answered, for its log line. */
interface Trail {
  bytesIn: number;
  sequences?: number;
  tokens?: number;
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

function toReply(status: number, answer: Answer): Reply {
  return answer instanceof Uint8Array
    ? { status, headers: new Headers({ "content-type": SAFETENSORS }), body: answer }
    : {
      status,
      headers: new Headers({ "content-type": JSON_TYPE }),
      body: new TextEncoder().encode(JSON.stringify(answer) + "\n"),
    };
}

/** The number of ids of the model, for a tokenizer that has fewer. */
function vocabSizeOf(request: Request): number | undefined {
  const text = request.headers.get("x-vocab-size");
  if (text === null) return undefined;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Problem(
    400,
    "bad_request",
    `Cannot read tokenizer as the header X-Vocab-Size must be a whole number from 1: ` +
      `current value is "${text}"`,
  );
}

/** The name of a lexicon, which may be any text and so is percent-encoded. */
function lexiconNameOf(request: Request): string | undefined {
  const text = request.headers.get("x-lexicon-name");
  if (text === null) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Problem(
      400,
      "bad_request",
      `Cannot read lexicon as the header X-Lexicon-Name must be percent-encoded UTF-8: ` +
        `current value is "${text}"`,
    );
  }
}

/** The size that a body announces. */
function bodyBytes(request: Request, limit: number): number {
  const length = request.headers.get("content-length");
  if (length === null) {
    throw new Problem(
      411,
      "length_required",
      "Cannot read the body as the header Content-Length must be its size: it is missing",
    );
  }
  const bytes = Number(length);
  if (!(bytes <= limit)) {
    throw new Problem(
      413,
      "body_too_large",
      `Cannot read the body as it may hold ${limit} bytes: current size is ${length}, send the batch in ` +
        "parts or start the sidecar with a higher --max-body",
    );
  }
  return bytes;
}

async function bodyWithin(request: Request, timeout: number): Promise<Uint8Array> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `Cannot read the body as it must arrive within ${timeout} ms: it has not`;
    timer = setTimeout(() => reject(new Problem(408, "body_timeout", message)), timeout);
  });
  try {
    return new Uint8Array(await Promise.race([request.arrayBuffer(), late]));
  } catch (error) {
    if (error instanceof Problem) throw error;
    const message = `Cannot read the body as the client must send all of it: ${messageOf(error)}`;
    throw new Problem(400, "body_aborted", message);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isAuthorized(request: Request, token: string): boolean {
  // Digests have equal lengths, as timingSafeEqual needs.
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const given = request.headers.get("authorization") ?? "";
  return timingSafeEqual(digest(given), digest(`Bearer ${token}`));
}

function unauthorized(): Problem {
  return new Problem(
    401,
    "unauthorized",
    "Cannot serve as the header Authorization must be the token that the sidecar was started with",
  );
}

function noSuchPath(path: string, known: readonly string[]): Problem {
  return new Problem(
    404,
    "no_such_path",
    `Cannot serve ${path} as there is no such path: served are ${known.join(", ")}`,
  );
}

function wrongMethod({ method }: Request, path: string, known: string): Problem {
  return new Problem(
    405,
    "method_not_allowed",
    `Cannot serve ${path} as its method must be ${known}: current method is ${method}`,
  );
}

function wrongMedia(media: string, known: readonly string[]): Problem {
  return new Problem(
    415,
    "unsupported_media_type",
    `Cannot read the body as Content-Type must be ${known.join(" or ")}: ` +
      `current value is "${media}"`,
  );
}
