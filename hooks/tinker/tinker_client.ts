import { Transport } from "./_transport.ts";
import {
  array,
  readPass,
  readSequences,
  text,
  wireAdamParams,
  wireModelInput,
  wirePass,
  wireSamplingParams,
} from "./_wire.ts";
import type {
  AdamParams,
  PassInput,
  PassResult,
  SampledSequence,
  SampleInput,
} from "./protocol.ts";
import { TinkerSession, type TinkerSessionOptions } from "./tinker_session.ts";

/** Where a Tinker server is and how long it may take. */
export interface TinkerClientOptions {
  /** Address of the server, such as `"http://localhost:8000"`, without `/api/v1`. */
  readonly baseUrl: string;
  /** Sent as `x-api-key`, for servers that ask for one. */
  readonly apiKey?: string;
  /** Milliseconds for one answer; waiting for a result takes as many as it needs. Default: 60,000. */
  readonly requestTimeoutMs?: number;
  /** Milliseconds for the result of a request, queue and compilation included. Default: 3,600,000. */
  readonly resultTimeoutMs?: number;
  /**
   * How often a request is sent again after a failure that is safe to repeat; polls for a result do not
   * count. Default: 4.
   */
  readonly retries?: number;
  /** Milliseconds to wait the first time, doubled up to 5,000 each time after. Default: 250. */
  readonly backoffMs?: number;
}

/** Options of every request. */
export interface TinkerRequestOptions {
  /** Gives up waiting, and rejects with its reason. What the server has begun it still finishes. */
  readonly signal?: AbortSignal;
}

/** What {@linkcode TinkerClient.createModel} creates. */
export interface CreateModelInput {
  /** The session that the model lives in. */
  readonly sessionId: string;
  /** Name of the base model, one of {@linkcode TinkerClient.supportedModels}. */
  readonly baseModel: string;
  /** Rank of the LoRA adapter. */
  readonly rank: number;
  /** Seed of its first weights. Default: random. */
  readonly seed?: number;
}

/**
 * Speaks the Tinker protocol in JSON with a training server, such as that of SkyRL: LoRA models are
 * created, sampled, trained and stored there.
 *
 * A method resolves when the server has finished the work, and the server works in the order of
 * arrival: await one before the next, save those, such as samples, whose order does not matter. A
 * request that changes something is never sent twice, unless the server refused it for now (425, 429);
 * the others are, also after an answer of 500 and above or a broken connection. None is after a timeout
 * (408), as the server may still be at work on it. Polls for a result change nothing: they go on after
 * all of these, until `resultTimeoutMs`.
 *
 * Every method rejects with a {@linkcode TinkerError} that names request, status, field and way out,
 * or with the reason of the signal.
 *
 * @example Usage
 * ```ts
 * import { TinkerClient } from "@hicra/hicra/tinker";
 * import assert from "node:assert/strict";
 *
 * const client = new TinkerClient({ baseUrl: "http://127.0.0.1:9", retries: 0 }); // nothing is there
 * await assert.rejects(client.supportedModels(), { name: "TinkerError" });
 * ```
 */
export class TinkerClient {
  readonly #transport: Transport;

  /**
   * Creates a client; nothing is sent.
   *
   * @throws {TypeError} If `baseUrl` is no URL of http or https.
   * @throws {RangeError} If a time is negative, or longer than a timer can wait, `2 ** 31 - 1`.
   */
  constructor(options: TinkerClientOptions) {
    this.#transport = new Transport({
      baseUrl: options.baseUrl,
      apiKey: options.apiKey,
      requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
      resultTimeoutMs: options.resultTimeoutMs ?? 3_600_000,
      retries: options.retries ?? 4,
      backoffMs: options.backoffMs ?? 250,
    });
  }

  /** Resolves when the server answers. It may still be loading its model. */
  async health(options: TinkerRequestOptions = {}): Promise<void> {
    await this.#transport.send("healthz", undefined, options);
  }

  /** The names of the base models that the server has. */
  async supportedModels(options: TinkerRequestOptions = {}): Promise<string[]> {
    const request = "get_server_capabilities";
    const answer = await this.#transport.send(request, undefined, options);
    return array(request, answer, "supported_models").map((model) =>
      text(request, model as Record<string, unknown>, "model_name", "supported_models[]")
    );
  }

  /**
   * Opens a session and keeps it alive with heartbeats until it is closed; a server unloads the models
   * of a session that it has not heard of for some time (SkyRL: 300 s).
   */
  async createSession(
    { tags = [], signal, ...options }: TinkerSessionOptions & TinkerRequestOptions = {},
  ): Promise<TinkerSession> {
    const request = "create_session";
    const body = { tags, "user_metadata": {}, "sdk_version": "hicra" };
    const answer = await this.#transport.send(request, body, { isRepeatable: true, signal });
    const sessionId = text(request, answer, "session_id");
    const heartbeat = { "session_id": sessionId };
    const beat = (signal: AbortSignal) =>
      this.#transport.send("session_heartbeat", heartbeat, { isRepeatable: true, signal });
    return new TinkerSession(sessionId, beat, options);
  }

  /** Creates a model with a LoRA adapter, and returns its id. */
  async createModel(
    { sessionId, baseModel, rank, seed }: CreateModelInput,
    options: TinkerRequestOptions = {},
  ): Promise<string> {
    const request = "create_model";
    const body = {
      "session_id": sessionId,
      "base_model": baseModel,
      "lora_config": { rank, seed },
    };
    return text(request, await this.#transport.sendForResult(request, body, options), "model_id");
  }

  /** Unloads a model, which frees its place on the server. What was saved stays. */
  async unloadModel(modelId: string, options: TinkerRequestOptions = {}): Promise<void> {
    await this.#transport.sendForResult("unload_model", { "model_id": modelId }, options);
  }

  /** Samples continuations of one prompt. */
  async sample(
    { prompt, numSamples = 1, samplingParams, modelPath, baseModel }: SampleInput,
    options: TinkerRequestOptions = {},
  ): Promise<SampledSequence[]> {
    const request = "asample";
    const body = {
      prompt: wireModelInput(prompt),
      "num_samples": numSamples,
      "sampling_params": wireSamplingParams(samplingParams),
      "model_path": modelPath,
      "base_model": baseModel,
    };
    const repeatable = { ...options, isRepeatable: true };
    return readSequences(request, await this.#transport.sendForResult(request, body, repeatable));
  }

  /**
   * The log-probabilities and losses of sequences, without gradients.
   *
   * @throws {RangeError} If an array of a datum is of another length than its input, or not finite.
   */
  async forward(
    modelId: string,
    input: PassInput,
    options: TinkerRequestOptions = {},
  ): Promise<PassResult> {
    const request = "forward";
    const body = { "model_id": modelId, "forward_input": wirePass(request, input) };
    const repeatable = { ...options, isRepeatable: true };
    return readPass(request, await this.#transport.sendForResult(request, body, repeatable));
  }

  /**
   * The same, and adds the gradients to those that wait for {@linkcode optimStep}.
   *
   * @throws {RangeError} If an array of a datum is of another length than its input, or not finite.
   */
  async forwardBackward(
    modelId: string,
    input: PassInput,
    options: TinkerRequestOptions = {},
  ): Promise<PassResult> {
    const request = "forward_backward";
    const body = { "model_id": modelId, "forward_backward_input": wirePass(request, input) };
    return readPass(request, await this.#transport.sendForResult(request, body, options));
  }

  /** Takes a step along the gradients and forgets them. Returns the server's metrics by name. */
  async optimStep(
    modelId: string,
    params: AdamParams,
    options: TinkerRequestOptions = {},
  ): Promise<Record<string, number>> {
    const body = { "model_id": modelId, "adam_params": wireAdamParams(params) };
    const { metrics } = await this.#transport.sendForResult("optim_step", body, options);
    return (metrics ?? {}) as Record<string, number>;
  }

  /**
   * Stores weights and the state of the optimizer under a new name, and returns the path for
   * {@linkcode loadWeights}.
   */
  async saveWeights(
    modelId: string,
    name: string,
    options: TinkerRequestOptions = {},
  ): Promise<string> {
    return await this.#save("save_weights", modelId, name, options);
  }

  /** Stores the weights under a new name for {@linkcode sample}, and returns their path. */
  async saveWeightsForSampler(
    modelId: string,
    name: string,
    options: TinkerRequestOptions = {},
  ): Promise<string> {
    return await this.#save("save_weights_for_sampler", modelId, name, options);
  }

  async #save(
    request: string,
    modelId: string,
    name: string,
    options: TinkerRequestOptions,
  ): Promise<string> {
    const body = { "model_id": modelId, path: name };
    return text(request, await this.#transport.sendForResult(request, body, options), "path");
  }

  /** Gives a model the weights and the state of the optimizer that {@linkcode saveWeights} stored. */
  async loadWeights(
    modelId: string,
    path: string,
    options: TinkerRequestOptions = {},
  ): Promise<void> {
    await this.#transport.sendForResult("load_weights", { "model_id": modelId, path }, options);
  }
}
