/**
 * What structured-clone.ts clones and transfers beside what it knows itself. Its kinds tell of themselves when they are first
 * used, which does not run it; in linked nodes, since that is after guest code.
 */

/** Objects beside ArrayBuffers that can be transferred: message ports and the like. */
export interface TransferKind {
  readonly is: (value: object) => boolean;
  /** What takes its place, and how it moves once everything was accepted. May throw DataCloneError. */
  readonly prepare: (value: object) => { readonly replacement: object; readonly move: () => void };
}

/** Clones its own kind, and gives undefined for all else; never calls guest code. */
type Cloner = (value: object) => object | undefined;

interface Node<Kind> {
  readonly kind: Kind;
  readonly next: Node<Kind> | undefined;
}

let transferKinds: Node<TransferKind> | undefined;
let cloners: Node<Cloner> | undefined;

export function addTransferKind(kind: TransferKind): void {
  transferKinds = { kind, next: transferKinds };
}

/** For serializable interfaces. */
export function registerCloneable(clone: Cloner): void {
  cloners = { kind: clone, next: cloners };
}

/** How a value is transferred, where it is of a kind that told of itself. */
export function transferKindOf(value: object): TransferKind | undefined {
  for (let node = transferKinds; node !== undefined; node = node.next)
    if (node.kind.is(value)) return node.kind;
  return undefined;
}

/** The clone of a value of a kind that told of itself. */
export function cloneOther(value: object): object | undefined {
  for (let node = cloners; node !== undefined; node = node.next) {
    const clone = node.kind(value);
    if (clone !== undefined) return clone;
  }
  return undefined;
}
