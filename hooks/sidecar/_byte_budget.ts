import { Problem } from "./_problem.ts";

/** The bytes that one body holds. */
export interface HeldBytes {
  /**
   * Takes more of them; with the last the body is whole, needs no more, and will soon be given back.
   *
   * @returns Nothing, or where it must wait for room, a promise of it. That rejects with a {@linkcode Problem}
   * if waiting might never end.
   */
  readonly take: (bytes: number, isLast: boolean) => Promise<void> | undefined;
  /** Gives all of them back. */
  readonly release: () => void;
}

interface Waiting {
  readonly bytes: number;
  readonly admit: () => void;
  readonly refuse: () => void;
}

/**
 * Bounds the bytes of bodies held at once, counted as they arrive: what a body announces takes no room.
 *
 * Where there is no room a body waits in turn, but only for bodies that are whole, as these are soon given
 * back. Of bodies that are all half here and would wait for each other, the one that asked last is refused,
 * until the first has room. So the first always gets on, and nobody waits for a client that stalls.
 */
export class ByteBudget {
  #held = 0;
  #whole = 0;
  readonly #waiting: Waiting[] = [];

  /** @param limit The most bytes held at once. */
  constructor(readonly limit: number) {}

  /** The bytes held now. */
  get held(): number {
    return this.#held;
  }

  /** Begins a body, which holds nothing yet. */
  open(): HeldBytes {
    let held = 0;
    let whole = 0;
    const add = (bytes: number, isLast: boolean): void => {
      held += bytes;
      this.#held += bytes;
      if (isLast) this.#whole += whole = 1;
    };
    const release = (): void => {
      this.#held -= held;
      this.#whole -= whole;
      held = whole = 0;
    };
    return {
      take: (bytes, isLast) => {
        if (this.#waiting.length === 0 && this.#held + bytes <= this.limit) {
          add(bytes, isLast);
          return;
        }
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        this.#waiting.push({
          bytes,
          admit: () => (add(bytes, isLast), resolve()),
          refuse: () => (release(), reject(noRoom(this.limit))),
        });
        this.#settle();
        return promise;
      },
      release: () => {
        release();
        this.#settle();
      },
    };
  }

  #settle(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#held + first.bytes <= this.limit) {
        this.#waiting.shift();
        first.admit();
      } else if (this.#whole > 0) {
        return;
      } else {
        this.#waiting.pop()!.refuse();
      }
    }
  }
}

function noRoom(limit: number): Problem {
  return new Problem(
    503,
    "busy",
    `Cannot read the body as all bodies together may hold ${limit} bytes, and others do: send it again, ` +
      "or start the sidecar with a higher --max-body",
  );
}
