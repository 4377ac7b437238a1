import type { Attachment, Binding } from '#runtime/binding.ts';
import type { Target } from '../registry.ts';

/** The attachments of one target by env name; "" is the runtime itself: fetch. */
export type AttachmentTable = ReadonlyMap<string, Pick<Attachment, 'grant'> & Partial<Attachment>>;

export interface AttachmentsOptions {
  readonly bindings: ReadonlyMap<string, Binding>;
  /** Operations of the runtime itself, for this target. */
  readonly runtime: (target: Target) => Pick<Attachment, 'grant'>;
}

/**
 * Attaches bindings to targets, each once: whoever answers for a target, its instances or the host in front of them, has
 * the same objects. They go with the target.
 */
export class Attachments {
  readonly #options: AttachmentsOptions;
  readonly #tables: WeakMap<Target, AttachmentTable> = new WeakMap();

  constructor(options: AttachmentsOptions) {
    this.#options = options;
  }

  of(target: Target): AttachmentTable {
    const known = this.#tables.get(target);
    if (known !== undefined) return known;
    const table = new Map<string, Pick<Attachment, 'grant'> & Partial<Attachment>>([
      ['', this.#options.runtime(target)],
    ]);
    for (const declaration of target.deployment.bindings) {
      const binding = this.#options.bindings.get(declaration.kind);
      if (binding !== undefined) table.set(declaration.name, binding.attach(declaration, target.deployment));
    }
    this.#tables.set(target, table);
    return table;
  }
}
