import { InputTypeError, type PlanningTokens } from "../batch/mod.ts";
import { MatchCollector } from "./_match_collector.ts";
import type { Scan, TokenAutomaton } from "./_scanner.ts";
import type { SgStream, StreamTokenOptions } from "./sg_stream.ts";
import type { TokenBytes } from "./token_bytes.ts";

/** {@linkcode SgStream} over a compiled token automaton. */
export class TokenStream implements SgStream {
  readonly #scan: Scan;
  readonly #collector: MatchCollector;
  #ids: Int32Array = new Int32Array(256);
  #length = 0;
  #inRun = false;
  #segment = 0;
  #ended = false;

  constructor(automaton: TokenAutomaton, kindOfGram: Uint8Array, tokens: TokenBytes) {
    this.#collector = new MatchCollector(this.#ids, tokens, kindOfGram);
    this.#scan = automaton.scan(this.#collector);
  }

  push(tokenId: number, { lossMask = 1, segmentId = 0 }: StreamTokenOptions = {}): void {
    if (this.#ended) {
      throw new InputTypeError("Cannot push a token as the stream has ended: start another stream");
    }
    if (this.#inRun && (lossMask === 0 || segmentId !== this.#segment)) this.#endRun();
    if (this.#length === this.#ids.length) this.#grow();
    const index = this.#length;
    this.#ids[index] = tokenId;
    if (lossMask !== 0) {
      if (!this.#inRun) this.#scan.begin(index);
      this.#scan.read(this.#ids, index, index + 1);
      this.#inRun = true;
      this.#segment = segmentId;
    }
    this.#length++;
  }

  get length(): number {
    return this.#length;
  }

  get decided(): number {
    return this.#inRun ? this.#scan.undecided(this.#length) : this.#length;
  }

  isPlanning(index: number): boolean {
    return this.#collector.planningMask[index] === 1;
  }

  end(): Required<PlanningTokens> {
    if (this.#inRun) this.#endRun();
    this.#ended = true;
    return {
      planningMask: this.#collector.planningMask.slice(0, this.#length),
      kinds: this.#collector.kinds.slice(0, this.#length),
      spans: this.#collector.spans,
    };
  }

  #endRun(): void {
    this.#scan.end(this.#ids, this.#length);
    this.#collector.endRun();
    this.#inRun = false;
  }

  #grow(): void {
    const grown = new Int32Array(2 * this.#length);
    grown.set(this.#ids);
    this.#ids = grown;
    this.#collector.grow(grown);
  }
}
