import { InputRangeError } from "../../batch/mod.ts";
import type {
  AdamParams,
  Datum,
  LossFnInputs,
  ModelInput,
  PassInput,
  PassResult,
  SampledSequence,
  SamplingParams,
} from "./protocol.ts";
import type { Answer } from "./_transport.ts";
import { TinkerError } from "./tinker_error.ts";

/** Names and types of the arrays of a datum on the wire. */
const LOSS_FN_INPUTS: Readonly<Record<keyof LossFnInputs, [name: string, dtype: string]>> = {
  targetTokens: ["target_tokens", "int64"],
  weights: ["weights", "float32"],
  advantages: ["advantages", "float32"],
  logprobs: ["logprobs", "float32"],
};

export function wireModelInput({ chunks }: ModelInput): object {
  return {
    chunks: chunks.map(({ tokens }) => ({ type: "encoded_text", tokens: Array.from(tokens) })),
  };
}

export function wirePass(request: string, input: PassInput): object {
  return {
    data: input.data.map((datum, index) => wireDatum(request, datum, index)),
    "loss_fn": input.lossFn,
    ...(input.lossFnConfig && { "loss_fn_config": input.lossFnConfig }),
  };
}

function wireDatum(request: string, { modelInput, lossFnInputs }: Datum, index: number): object {
  const length = modelInput.chunks.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const inputs: Record<string, object> = {};
  for (const [field, [name, dtype]] of Object.entries(LOSS_FN_INPUTS)) {
    const values = lossFnInputs[field as keyof LossFnInputs];
    if (values === undefined) continue;
    // The server pads what is too short with zeros and would cut what is too long, in silence.
    if (values.length !== length) {
      throw new InputRangeError(
        `Cannot ${request} as the arrays of data[${index}] must be as long as its input of ${length} ` +
          `tokens: ${field} holds ${values.length} values`,
      );
    }
    const data = Array.from(values);
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad !== -1) {
      throw new InputRangeError(
        `Cannot ${request} as values must be finite, JSON has no others: ` +
          `data[${index}].${field}[${bad}] is ${
            data[bad]
          }, train on it with a weight and value of 0`,
      );
    }
    inputs[name] = { data, dtype, shape: [length] };
  }
  return { "model_input": wireModelInput(modelInput), "loss_fn_inputs": inputs };
}

export function wireSamplingParams(params: SamplingParams): object {
  const { maxTokens, stop, temperature, topK, topP, seed } = params;
  return { "max_tokens": maxTokens, stop, temperature, "top_k": topK, "top_p": topP, seed };
}

export function wireAdamParams(params: AdamParams): object {
  const { learningRate, beta1, beta2, eps, weightDecay } = params;
  return { "learning_rate": learningRate, beta1, beta2, eps, "weight_decay": weightDecay };
}

export function readPass(request: string, answer: Answer): PassResult {
  const outputs = array(request, answer, "loss_fn_outputs") as Record<string, { data: Floats }>[];
  return {
    outputs: outputs.map((output) =>
      Object.fromEntries(
        Object.entries(output).map(([name, { data }]) => [name, floatsOf(data)]),
      )
    ),
    metrics: (answer.metrics ?? {}) as Record<string, number>,
  };
}

export function readSequences(request: string, answer: Answer): SampledSequence[] {
  return array(request, answer, "sequences").map((sequence, index) => {
    const field = `sequences[${index}]`;
    const tokens = Int32Array.from(array(request, sequence as Answer, "tokens", field) as number[]);
    const logprobs = array(request, sequence as Answer, "logprobs", field) as Floats;
    if (logprobs.length !== tokens.length) {
      throw unreadable(request, `${field}.logprobs`, `${tokens.length} numbers`, logprobs);
    }
    const stopReason = text(request, sequence as Answer, "stop_reason", field);
    return { tokens, logprobs: floatsOf(logprobs), stopReason };
  });
}

/** JSON has no NaN: `null` stands for a value that the server has not. */
type Floats = (number | null)[];

function floatsOf(values: Floats): Float32Array {
  return Float32Array.from(values, (value) => value ?? NaN);
}

/** A field of an answer that must be a string. */
export function text(request: string, answer: Answer, name: string, owner = "it"): string {
  const value = answer[name];
  if (typeof value !== "string") throw unreadable(request, `${owner}.${name}`, "a string", value);
  return value;
}

/** A field of an answer that must be an array. */
export function array(request: string, answer: Answer, name: string, owner = "it"): unknown[] {
  const value = answer[name];
  if (!Array.isArray(value)) throw unreadable(request, `${owner}.${name}`, "an array", value);
  return value;
}

function unreadable(request: string, field: string, must: string, value: unknown): TinkerError {
  return new TinkerError(
    `Cannot read the answer to ${request} as ${field} must be ${must}: current value is ` +
      `${
        String(JSON.stringify(value)).slice(0, 200)
      }, see which version of the protocol the server speaks`,
    { request },
  );
}
