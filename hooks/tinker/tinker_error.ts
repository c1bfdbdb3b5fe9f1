/** What is known of a request that failed. */
export interface TinkerErrorInfo {
  /** Name of the request, such as `"forward_backward"`. */
  readonly request: string;
  /** HTTP status, 408 also for an answer that did not come in time; absent where there was none. */
  readonly status?: number;
  /** Field of the request that the server complains of, such as `"forward_backward_input.loss_fn"`. */
  readonly field?: string;
}

/** A request to a Tinker server failed, and whoever reads this must act: what is safe was retried. */
export class TinkerError extends Error implements TinkerErrorInfo {
  /** `"TinkerError"`. */
  override readonly name = "TinkerError";
  /** Name of the request, such as `"forward_backward"`. */
  readonly request: string;
  /** HTTP status, 408 also for an answer that did not come in time; absent where there was none. */
  readonly status?: number;
  /** Field of the request that the server complains of, such as `"forward_backward_input.loss_fn"`. */
  readonly field?: string;

  /** Creates the error. */
  constructor(message: string, info: TinkerErrorInfo, options?: ErrorOptions) {
    super(message, options);
    this.request = info.request;
    if (info.status !== undefined) this.status = info.status;
    if (info.field !== undefined) this.field = info.field;
  }
}

const WAYS_OUT: Readonly<Record<number, string>> = {
  401: "pass a valid apiKey",
  403: "pass an apiKey that may do this",
  404: "check baseUrl and the name; a server forgets models and sessions when it starts anew",
  409: "choose another name",
  413: "send fewer sequences at once",
  422: "correct the field, or see which version of the protocol the server speaks",
  429: "send fewer requests at once",
};

/**
 * The error that a refused request deserves: status, field, the server's message, a way out.
 *
 * @param hint What to add where the answer is none of a Tinker server's.
 */
export function refusal(request: string, status: number, body: string, hint = ""): TinkerError {
  const { field, message, isForeign } = complaint(body);
  const wayOut = WAYS_OUT[status] ??
    (status >= 500 ? "see the server's log" : "correct the request");
  return new TinkerError(
    `Cannot ${request} as the server answered with status ${status}: ` +
      `${field === undefined ? "" : `${field}: `}${message}; ${wayOut}${isForeign ? hint : ""}`,
    { request, status, ...(field !== undefined && { field }) },
  );
}

/** An error of polling for a result, as the failure of the request that the result is of. */
export function during(error: TinkerError, request: string): TinkerError {
  const message = error.message.replace(`Cannot ${error.request}`, `Cannot ${request}`);
  return new TinkerError(message, { ...error, request }, { cause: error });
}

/** What FastAPI says in `detail`: a text, or a list of fields with what is wrong. */
function complaint(body: string): { field?: string; message: string; isForeign: boolean } {
  let detail: unknown;
  let isForeign = false;
  try {
    detail = JSON.parse(body).detail;
  } catch {
    isForeign = true; // a proxy's page, say
  }
  const [first] = Array.isArray(detail) ? detail : [];
  if (Array.isArray(first?.loc)) {
    const field = first.loc.filter((part: unknown) => part !== "body").join(".");
    return {
      field,
      message: `${first.msg}, current value is ${shorten(JSON.stringify(first.input))}`,
      isForeign,
    };
  }
  const message = typeof detail === "string" ? detail : shorten(body) || "no message";
  return { message, isForeign };
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
