/** Reads rollouts from standard input and writes them to standard output. */
import { readRollouts, writeJsonl } from "../../files/rollout_files.ts";

await writeJsonl("-", readRollouts("-"));
