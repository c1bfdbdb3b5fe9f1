import type { AdvantageMass } from "./advantage_mass.ts";
import type { CorpusMetrics } from "./corpus_metrics.ts";
import type { GramGrowth, TokenGrowth } from "./growth.ts";
import type { Machine } from "./machine.ts";
import type { PeerAgreement } from "./peer_agreement.ts";
import type { PeerSpeed } from "./peer_speed.ts";
import type { PlanningShare } from "./planning_share.ts";
import type { PythonFigures } from "./python/measure_python.ts";
import type { StageSpeed } from "./stage_speed.ts";

/** Everything that a run measured, as plain JSON. */
export interface Figures {
  /** Day of the run, ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly settings: Settings;
  /** What a reader must know, such as what was left out and why. */
  readonly notes: readonly string[];
  readonly corpora: readonly { readonly name: string; readonly rollouts: number }[];
  readonly planningShares: readonly PlanningShare[];
  readonly advantageMasses: readonly AdvantageMass[];
  readonly corpusMetrics: readonly CorpusMetrics[];
  readonly peerAgreements: readonly PeerAgreement[];
  readonly stageSpeeds: readonly StageSpeed[];
  readonly peerSpeeds: readonly PeerSpeed[];
  readonly gramGrowth: readonly GramGrowth[];
  readonly tokenGrowth: readonly TokenGrowth[];
  /** The comparison with Python; null where it was skipped, and a note says why. */
  readonly python: PythonFigures | null;
}

/** What the figures depend on beside the rollouts. */
export interface Settings {
  readonly tokenizers: readonly string[];
  readonly lexicons: readonly { readonly name: string; readonly grams: number }[];
  readonly baseline: string;
  readonly alpha: number;
  readonly quick: boolean;
  /** Rounds in which the speed tables were timed. */
  readonly repetitions: number;
}
