import { createHash, timingSafeEqual } from "node:crypto";
import { InputRangeError } from "../../batch/mod.ts";
import { emptyMetrics, metricPairs } from "../../metrics/mod.ts";
import { batchFromSafetensors } from "../../files/mod.ts";
import { MAX_TIMEOUT } from "../max_timeout.ts";
import { ByteBudget } from "./_byte_budget.ts";
import { Matchers } from "./_matchers.ts";
import { type Answer, operations } from "./_operations.ts";
import { Problem, problemOf } from "./_problem.ts";
import { type BodySource, readBody } from "./_read_body.ts";
import { SIDECAR_PROTOCOL, type SidecarEvent, type SidecarOptions } from "./sidecar_options.ts";

const SAFETENSORS = "application/vnd.safetensors";
const JSON_TYPE = "application/json";

/** A request, on whatever server it came. */
export interface Incoming {
  readonly method: string;
  /** Path or URL, as it was sent. */
  readonly target: string;
  /** A header's value, by its name in lower case. */
  readonly header: (name: string) => string | undefined;
  readonly body: BodySource;
}

/** What is sent back. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Gives back what the request holds: to be called when the reply was sent, or cannot be. */
  readonly release: () => void;
}

/**
 * Makes the function that answers requests. It never rejects: a failure is an answer too.
 *
 * @throws {RangeError} If a limit is out of its range.
 */
export function answerer(options: SidecarOptions): (incoming: Incoming) => Promise<Reply> {
  const { version, token, maxBodyBytes = 2 ** 30, bodyTimeout = 60_000, maxKept = 8 } = options;
  checkLimit("maxBodyBytes", maxBodyBytes, Number.MAX_SAFE_INTEGER);
  checkLimit("bodyTimeout", bodyTimeout, MAX_TIMEOUT);
  checkLimit("maxKept", maxKept, Number.MAX_SAFE_INTEGER);
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
      answer: ({ body, media, incoming }) =>
        media === JSON_TYPE
          ? matchers.addTokenizerJson(body, vocabSizeOf(incoming))
          : matchers.addTokenTable(body),
    },
    "/v1/lexicon": {
      method: "POST",
      media: [JSON_TYPE, "text/plain"],
      answer: ({ body, incoming }) => matchers.addLexicon(body, lexiconNameOf(incoming)),
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

  const answer = async (
    incoming: Incoming,
    path: string | undefined,
    trail: Trail,
  ): Promise<Answer> => {
    if (token !== undefined && !isAuthorized(incoming, token)) throw unauthorized();
    if (path === undefined) throw noPath(incoming);
    if (!Object.hasOwn(routes, path)) throw noSuchPath(path, Object.keys(routes));
    const route = routes[path]!;
    if (incoming.method !== route.method) throw wrongMethod(incoming, path, route.method);
    if (route.method === "GET") return route.answer();
    const media = (incoming.header("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
    if (!route.media.includes(media)) throw wrongMedia(media, route.media);
    const length = bodyLength(incoming, maxBodyBytes);
    const held = budget.open();
    trail.release = held.release;
    const body = await readBody(incoming.body, { length, held, timeout: bodyTimeout });
    trail.bytesIn = body.length;
    return await route.answer({ body, media, incoming, trail });
  };

  const log = (event: SidecarEvent): void => {
    try {
      options.log?.(event);
    } catch {
      // A log that fails must not take the answer with it.
    }
  };

  return async (incoming) => {
    const start = performance.now();
    const number = ++requests;
    const path = pathOf(incoming);
    const trail: Trail = { bytesIn: 0, release: () => {} };
    let content: Content;
    let problem: Problem | undefined;
    try {
      content = contentOf(200, await answer(incoming, path, trail));
    } catch (error) {
      problem = problemOf(error);
      content = problemContent(problem);
    }
    const id = incoming.header("x-request-id");
    log({
      request: number,
      ...(id !== undefined && { id }),
      route: `${incoming.method} ${path ?? incoming.target}`,
      status: content.status,
      ms: Math.round((performance.now() - start) * 1000) / 1000,
      bytesIn: trail.bytesIn,
      bytesOut: content.body.length,
      ...(trail.sequences !== undefined && { sequences: trail.sequences }),
      ...(trail.tokens !== undefined && { tokens: trail.tokens }),
      ...(problem !== undefined && { problem: problem.message }),
    });
    return { ...content, release: trail.release };
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
  readonly incoming: Incoming;
  readonly trail: Trail;
}

/** What is learned while a request is answered. */
interface Trail {
  release: () => void;
  bytesIn: number;
  sequences?: number;
  tokens?: number;
}

/** A reply that holds nothing. */
export type Content = Omit<Reply, "release">;

/** What is sent to a client to say what is wrong. */
export function problemContent({ status, code, message }: Problem): Content {
  const { headers, body } = contentOf(status, { error: { code, message } });
  return { status, headers: { ...headers, ...(status === 503 && { "retry-after": "1" }) }, body };
}

function contentOf(status: number, answer: Answer): Content {
  return answer instanceof Uint8Array
    ? { status, headers: { "content-type": SAFETENSORS }, body: answer }
    : {
      status,
      headers: { "content-type": JSON_TYPE },
      body: new TextEncoder().encode(JSON.stringify(answer) + "\n"),
    };
}

/** The number of ids of the model, for a tokenizer that has fewer. */
function vocabSizeOf(incoming: Incoming): number | undefined {
  const text = incoming.header("x-vocab-size");
  if (text === undefined) return undefined;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Problem(
    400,
    "bad_request",
    `Cannot read tokenizer as the header X-Vocab-Size must be a whole number from 1: ` +
      `current value is "${text}"`,
  );
}

/** The name of a lexicon, which may be any text and so is percent-encoded. */
function lexiconNameOf(incoming: Incoming): string | undefined {
  const text = incoming.header("x-lexicon-name");
  if (text === undefined) return undefined;
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
function bodyLength(incoming: Incoming, limit: number): number {
  const length = incoming.header("content-length");
  if (length === undefined) {
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

function isAuthorized(incoming: Incoming, token: string): boolean {
  // Digests have equal lengths, as timingSafeEqual needs.
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const given = incoming.header("authorization") ?? "";
  return timingSafeEqual(digest(given), digest(`Bearer ${token}`));
}

function unauthorized(): Problem {
  return new Problem(
    401,
    "unauthorized",
    "Cannot serve as the header Authorization must be the token that the sidecar was started with",
  );
}

/** The path that is asked for. The host counts for nothing, but a wrong one is a wrong request. */
function pathOf({ target, header }: Incoming): string | undefined {
  return URL.parse(target, `http://${header("host") ?? "sidecar"}`)?.pathname;
}

function noPath({ target, header }: Incoming): Problem {
  return new Problem(
    400,
    "bad_request",
    "Cannot read the request as its target must be a path or a URL, and the header Host a host: current " +
      `target is "${target}", current host is "${header("host")}"`,
  );
}

/** Checks a limit at the start: a whole number from 1. */
export function checkLimit(name: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return;
  throw new InputRangeError(
    `Cannot create a sidecar as ${name} must be a whole number from 1 to ${max}: current value is ${value}`,
  );
}

function noSuchPath(path: string, known: readonly string[]): Problem {
  return new Problem(
    404,
    "no_such_path",
    `Cannot serve ${path} as there is no such path: served are ${known.join(", ")}`,
  );
}

function wrongMethod({ method }: Incoming, path: string, known: string): Problem {
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
