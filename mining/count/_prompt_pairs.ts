/** The distinct prompts of every gram, ascending: `lengths[g]` of them from `prompts[starts[g]]` on. */
export interface PromptLists {
  readonly prompts: Uint32Array;
  readonly starts: Float64Array;
  readonly lengths: Int32Array;
}

/** Pairs of a gram and a prompt that holds it, in the order in which they are found. */
export class PromptPairs {
  #grams = new Int32Array(32);
  #prompts = new Int32Array(32);
  #length = 0;
  /** Pairs that may repeat one before. */
  #numDisordered = 0;

  /** Whether there is no room for another pair. */
  get isFull(): boolean {
    return this.#length === this.#grams.length;
  }

  /** The memory of all pairs. */
  get byteLength(): number {
    return 2 * this.#grams.byteLength;
  }

  /** Adds a pair, for which there must be room. A prompt below the last one of its gram is disordered. */
  add(gram: number, prompt: number, isDisordered: boolean): void {
    if (isDisordered) this.#numDisordered++;
    this.#grams[this.#length] = gram;
    this.#prompts[this.#length++] = prompt;
  }

  /** Drops repetitions, if there may be many. */
  compact(numGrams: number): void {
    if (this.#numDisordered <= this.#length / 4) return;
    const lists = this.lists(numGrams);
    this.#length = this.#numDisordered = 0;
    for (let gram = 0; gram < numGrams; gram++) {
      const prompts = promptsOf(lists, gram);
      this.#prompts.set(prompts, this.#length);
      this.#grams.fill(gram, this.#length, this.#length += prompts.length);
    }
  }

  /** Makes room for as many pairs again, and while it does takes twice the memory more. */
  grow(): void {
    const grams = new Int32Array(2 * this.#grams.length);
    const prompts = new Int32Array(grams.length);
    grams.set(this.#grams);
    prompts.set(this.#prompts);
    this.#grams = grams;
    this.#prompts = prompts;
  }

  /** Gives every gram the number in `places`; pairs of grams with -1 are dropped. */
  renumber(places: Int32Array): void {
    let length = 0;
    for (let pair = 0; pair < this.#length; pair++) {
      const place = places[this.#grams[pair]!]!;
      if (place < 0) continue;
      this.#grams[length] = place;
      this.#prompts[length++] = this.#prompts[pair]!;
    }
    this.#length = length;
  }

  /** The prompts by gram. */
  lists(numGrams: number): PromptLists {
    const starts = new Float64Array(numGrams + 1);
    for (let pair = 0; pair < this.#length; pair++) starts[this.#grams[pair]! + 1]!++;
    for (let gram = 0; gram < numGrams; gram++) starts[gram + 1]! += starts[gram]!;
    const lengths = new Int32Array(numGrams);
    const prompts = new Uint32Array(this.#length);
    for (let pair = 0; pair < this.#length; pair++) {
      const gram = this.#grams[pair]!;
      prompts[starts[gram]! + lengths[gram]!++] = this.#prompts[pair]!;
    }
    if (this.#numDisordered > 0) {
      for (let gram = 0; gram < numGrams; gram++) {
        lengths[gram] = sortDistinct(prompts.subarray(starts[gram]!, starts[gram + 1]!));
      }
    }
    return { prompts, starts, lengths };
  }
}

/** The distinct prompts of a gram, ascending. */
export function promptsOf({ prompts, starts, lengths }: PromptLists, gram: number): Uint32Array {
  return prompts.subarray(starts[gram]!, starts[gram]! + lengths[gram]!);
}

/** Sorts, moves the distinct values to the front, and returns how many they are. */
function sortDistinct(values: Uint32Array): number {
  values.sort();
  let length = 0;
  for (let i = 0; i < values.length; i++) {
    if (i === 0 || values[i] !== values[i - 1]) values[length++] = values[i]!;
  }
  return length;
}
