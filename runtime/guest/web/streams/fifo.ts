interface Node<T> {
  readonly value: T;
  next: Node<T> | undefined;
}

/** A queue of linked nodes: a guest's setters on Array.prototype see nothing of it. */
export class Fifo<T> {
  #head: Node<T> | undefined;
  #tail: Node<T> | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): T | undefined {
    return this.#head?.value;
  }

  push(value: T): void {
    const node: Node<T> = { value, next: undefined };
    if (this.#tail === undefined) this.#head = node;
    else this.#tail.next = node;
    this.#tail = node;
    this.#length++;
  }

  /** Undefined when it is empty. */
  shift(): T | undefined {
    const node = this.#head;
    if (node === undefined) return undefined;
    this.#head = node.next;
    if (node.next === undefined) this.#tail = undefined;
    this.#length--;
    return node.value;
  }

  clear(): void {
    this.#head = undefined;
    this.#tail = undefined;
    this.#length = 0;
  }

  /** Empties it first: `run` may be a guest's code that fills it again. */
  drain(run: (value: T) => void): void {
    let node = this.#head;
    this.clear();
    for (; node !== undefined; node = node.next) run(node.value);
  }
}

interface Sized {
  readonly value: unknown;
  readonly size: number;
}

/** Streams, 8.1 "queue-with-sizes". */
export class SizedQueue {
  readonly #entries: Fifo<Sized> = new Fifo();
  total = 0;

  get length(): number {
    return this.#entries.length;
  }

  get first(): unknown {
    return this.#entries.first?.value;
  }

  /** RangeError for a size that is no finite number of 0 or more. */
  push(value: unknown, size: number): void {
    if (!(size >= 0 && size < Infinity))
      throw new RangeError('The size of a chunk must be a finite number of 0 or more');
    this.#entries.push({ value, size });
    this.total += size;
  }

  shift(): unknown {
    const entry = this.#entries.shift() as Sized;
    this.total -= entry.size;
    // Sums of fractions may end a little below zero.
    if (this.total < 0) this.total = 0;
    return entry.value;
  }

  clear(): void {
    this.#entries.clear();
    this.total = 0;
  }
}
