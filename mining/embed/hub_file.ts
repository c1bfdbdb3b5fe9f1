import { mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { InputRangeError } from "../../batch/mod.ts";
import { writeWhole } from "../../files/internal.ts";
import { sha256 } from "../_digest.ts";
import { ifThere } from "../_if_there.ts";

/** A file of a model repository on the Hugging Face hub, pinned by its content. */
export interface HubFile {
  /** Owner and name, such as `sentence-transformers/all-MiniLM-L6-v2`. */
  readonly repo: string;
  /** Commit, tag or branch. */
  readonly revision: string;
  /** Path in the repository, such as `onnx/model.onnx`. */
  readonly file: string;
  /** SHA-256 of the file, 64 hexadecimal digits in lower case. */
  readonly sha256: string;
}

/** Options of {@linkcode fetchHubFile}. */
export interface HubOptions {
  /** Folder for fetched files, each named by its digest. Default `.cache/hicra/hub` in the home folder. */
  readonly cacheDirectory?: string;
  /** Where the hub is, such as a mirror. Default `https://huggingface.co`. */
  readonly hubUrl?: string;
  /** Stops the download. */
  readonly signal?: AbortSignal;
}

/**
 * Fetches a file of the Hugging Face hub, or takes it from the cache, and checks its digest either way.
 *
 * @example Usage
 * ```ts
 * import { fetchHubFile } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const file = { repo: "owner/name", revision: "main", file: "model.onnx", sha256: "?" };
 * await assert.rejects(fetchHubFile(file), /sha256 must be 64 hexadecimal digits/);
 * ```
 *
 * @param file Repository, revision, path and digest.
 * @param options Cache, address of the hub and a signal.
 * @returns The bytes of the file.
 * @throws {RangeError} If the digest has the wrong form, or is not that of the file, which then is not
 * kept.
 * @throws {Error} If the hub cannot be reached or does not have the file.
 */
export async function fetchHubFile(file: HubFile, options: HubOptions = {}): Promise<Uint8Array> {
  const { cacheDirectory = join(homedir(), ".cache", "hicra", "hub"), signal } = options;
  const { hubUrl = "https://huggingface.co" } = options;
  if (!/^[0-9a-f]{64}$/.test(file.sha256)) {
    throw new InputRangeError(
      `Cannot fetch "${file.file}" as sha256 must be 64 hexadecimal digits in lower case: ` +
        `current value is "${file.sha256}"`,
    );
  }
  const path = join(cacheDirectory, file.sha256);
  const cached = await ifThere(readFile(path));
  if (cached !== undefined && sha256(cached).toString("hex") === file.sha256) return cached;

  const bytes = await download(
    `${hubUrl}/${file.repo}/resolve/${file.revision}/${file.file}`,
    signal,
  );
  const found = sha256(bytes).toString("hex");
  if (found !== file.sha256) {
    throw new InputRangeError(
      `Cannot use "${file.file}" of ${file.repo} as its sha256 must be ${file.sha256}: ` +
        `current value is ${found}, pin the revision it was taken from`,
    );
  }
  await mkdir(cacheDirectory, { recursive: true });
  // Other processes see the whole file or none.
  await writeWhole(path, [bytes]);
  return bytes;
}

async function download(url: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url, signal === undefined ? {} : { signal });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    await response.body?.cancel();
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(
      `Cannot fetch "${url}" as the hub must be reached: ${
        (error as Error).message
      }, pass the path ` +
        `of a local copy instead`,
      { cause: error },
    );
  }
  throw new Error(
    `Cannot fetch "${url}" as the hub must have the file: status is ${response.status}, check repo, ` +
      `revision and file`,
  );
}
