import { InputRangeError, InputTypeError } from "../../batch/mod.ts";
import { MAX_TIMEOUT } from "../max_timeout.ts";
import { during, refusal, TinkerError } from "./tinker_error.ts";

/** Settings of {@linkcode Transport}, all of them set. */
export interface TransportOptions {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly requestTimeoutMs: number;
  readonly resultTimeoutMs: number;
  readonly retries: number;
  readonly backoffMs: number;
}

/** How one request is sent. */
export interface SendOptions {
  /** Whether sending it twice does no harm, should the first have arrived after all. */
  readonly isRepeatable?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A JSON object of an answer. */
export type Answer = Record<string, unknown>;

/** With these the server refuses before it does anything: busy, or a checkpoint being written. */
const REFUSED_FOR_NOW: ReadonlySet<number | undefined> = new Set([425, 429]);

const MAX_BACKOFF_MS = 5000;

/** Hosts of this machine, which `fetch` sends to the proxy of HTTP_PROXY like any other. */
const LOOPBACK = /^(?:localhost|127\.[\d.]+|\[::1\])$/;

/** Requests, the results that they promise, and retries where they are safe. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #root: URL;
  /** What to try where something else than the server answers, or nothing does. */
  readonly #hint: string;

  constructor(options: TransportOptions) {
    const { baseUrl } = options;
    if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol)) {
      throw new InputTypeError(
        `Cannot connect as baseUrl must be a URL of http or https: current value is "${baseUrl}", ` +
          'pass one such as "http://localhost:8000"',
      );
    }
    checkTime("requestTimeoutMs", options.requestTimeoutMs, MAX_TIMEOUT);
    checkTime("backoffMs", options.backoffMs, MAX_TIMEOUT);
    // Only compared with the clock, so it may be infinite.
    checkTime("resultTimeoutMs", options.resultTimeoutMs, Infinity);
    this.#options = options;
    this.#root = new URL("api/v1/", baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`);
    const { hostname } = this.#root;
    this.#hint = LOOPBACK.test(hostname)
      ? `, and where HTTP_PROXY is set, start with NO_PROXY=${hostname}`
      : "";
  }

  /** Sends a request, a GET if it has no body, and returns its answer. */
  async send(request: string, body?: object, options: SendOptions = {}): Promise<Answer> {
    const { isRepeatable = body === undefined, signal } = options;
    for (let attempt = 0;; attempt++) {
      const outcome = await this.#attempt(request, body, options);
      if ("answer" in outcome) return outcome.answer;
      const { error, retryAfterMs = 0 } = outcome;
      const isSafe = REFUSED_FOR_NOW.has(error.status) || (isRepeatable && isTransient(error));
      if (!isSafe || attempt >= this.#options.retries) throw error;
      await sleep(Math.max(this.#backoff(attempt), retryAfterMs), signal);
    }
  }

  /** Sends a request that the server works on later, and waits for the result. */
  async sendForResult(request: string, body: object, options: SendOptions = {}): Promise<Answer> {
    const { request_id: id } = await this.send(request, body, options);
    if (typeof id !== "string") {
      throw new TinkerError(
        `Cannot ${request} as the answer must hold a request_id: current value is ` +
          `${JSON.stringify(id)}, is baseUrl that of a Tinker server?`,
        { request },
      );
    }
    return await this.#result(request, id, options.signal);
  }

  /**
   * Polls until the result is there. The server waits too: it answers 408 when it has waited long, and a
   * proxy before it cuts the poll. Neither says anything of the work, so that only time ends the polling.
   */
  async #result(request: string, id: string, signal?: AbortSignal): Promise<Answer> {
    const { resultTimeoutMs, requestTimeoutMs } = this.#options;
    const end = Date.now() + resultTimeoutMs;
    let failure: TinkerError | undefined;
    for (let poll = 0;; poll++) {
      const leftMs = end - Date.now();
      if (leftMs <= 0) throw noResult(request, id, resultTimeoutMs, failure);
      const timeoutMs = Math.min(requestTimeoutMs, leftMs);
      const outcome = await this.#attempt("retrieve_future", { "request_id": id }, {
        timeoutMs,
        signal,
      });
      let pauseMs = this.#backoff(poll);
      if ("answer" in outcome) {
        const { answer } = outcome;
        if (typeof answer.error === "string") {
          throw new TinkerError(
            `Cannot ${request} as it failed on the server: ${answer.error}; see the server's log`,
            { request },
          );
        }
        if (answer.type !== "try_again") return answer;
      } else {
        const { error, retryAfterMs = 0 } = outcome;
        if (error.status !== 408) {
          if (!REFUSED_FOR_NOW.has(error.status) && !isTransient(error)) {
            throw during(error, request);
          }
          failure = error;
        }
        pauseMs = Math.max(pauseMs, retryAfterMs);
      }
      await sleep(Math.min(pauseMs, end - Date.now()), signal);
    }
  }

  async #attempt(
    request: string,
    body: object | undefined,
    { timeoutMs = this.#options.requestTimeoutMs, signal }: SendOptions,
  ): Promise<{ answer: Answer } | { error: TinkerError; retryAfterMs?: number }> {
    const { apiKey } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(request, this.#root), {
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(apiKey !== undefined && { "x-api-key": apiKey }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      text = await response.text();
    } catch (cause) {
      signal?.throwIfAborted();
      return { error: this.#noAnswer(request, timeout.aborted ? timeoutMs : undefined, cause) };
    }
    if (!response.ok) {
      const seconds = Number(response.headers.get("retry-after") ?? 0);
      const error = refusal(request, response.status, text, this.#hint);
      return { error, ...(seconds > 0 && { retryAfterMs: 1000 * seconds }) };
    }
    return parseAnswer(request, response.status, text, this.#hint);
  }

  #noAnswer(request: string, timeoutMs: number | undefined, cause: unknown): TinkerError {
    const root = this.#root.href;
    return timeoutMs === undefined
      ? new TinkerError(
        `Cannot ${request} as ${root} must answer: ${(cause as Error).message}; see whether the ` +
          `server runs and received the request${this.#hint}`,
        { request },
        { cause },
      )
      : new TinkerError(
        `Cannot ${request} as ${root} must answer within ${timeoutMs} ms: no answer yet, raise ` +
          "requestTimeoutMs",
        { request, status: 408 },
        { cause },
      );
  }

  /** Doubles with every attempt; random within its upper half, so that clients do not march in step. */
  #backoff(attempt: number): number {
    const full = Math.min(this.#options.backoffMs * 2 ** attempt, MAX_BACKOFF_MS);
    return full * (1 + Math.random()) / 2;
  }
}

/** No answer, or one that the server may take back. A timeout is neither: it may still be at work. */
function isTransient({ status }: TinkerError): boolean {
  return status === undefined || status >= 500;
}

/** The error of a result that did not come in time, with the last failure of a poll, if any. */
function noResult(request: string, id: string, ms: number, failure?: TinkerError): TinkerError {
  const inTime = `Cannot ${request} as its result must come within ${ms} ms`;
  return failure === undefined
    ? new TinkerError(
      `${inTime}: the server still works on request ${id}, raise resultTimeoutMs`,
      { request },
    )
    : new TinkerError(
      `${inTime}: request ${id} has none yet, raise resultTimeoutMs if the server still works; the ` +
        `last poll to fail: ${failure.message}`,
      { request },
      { cause: failure },
    );
}

function parseAnswer(
  request: string,
  status: number,
  text: string,
  hint: string,
): { answer: Answer } | { error: TinkerError } {
  try {
    const answer = JSON.parse(text);
    if (typeof answer === "object" && answer !== null) return { answer };
  } catch {
    // said below
  }
  const error = new TinkerError(
    `Cannot ${request} as the answer must be a JSON object: current value is ` +
      `"${text.slice(0, 200)}", is baseUrl that of a Tinker server${hint}?`,
    { request, status },
  );
  return { error };
}

function checkTime(name: string, ms: number, max: number): void {
  if (ms >= 0 && ms <= max) return;
  throw new InputRangeError(
    `Cannot create a client as ${name} must be from 0 to ${max}: current value is ${ms}`,
  );
}

/** Waits; rejects with the reason of the signal when that comes first. */
function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, Math.min(ms, MAX_TIMEOUT));
    signal?.addEventListener("abort", stop, { once: true });
  });
}
