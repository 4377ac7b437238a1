import { ServiceError } from './service.ts';

/** Native state that a guest opened, e.g. a compressor. */
export interface Resource {
  close(): void;
}

interface Kept {
  readonly resource: Resource;
  readonly bytes: number;
}

const mostHandles = 256;
const mostBytes = 32 * 2 ** 20;

/** What one invocation opened in the cell; closed with it, at the latest. */
export class Handles {
  readonly #kept: Map<number, Kept> = new Map();
  #next = 1;
  #bytes = 0;

  /** Keeps a resource that takes so many bytes of the cell, and gives its number. Closes it when there is no room. */
  open(resource: Resource, bytes: number): number {
    if (this.#kept.size >= mostHandles || this.#bytes + bytes > mostBytes) {
      resource.close();
      const message = `An invocation may have ${mostHandles} streams open in the cell, 32 MB in all; finish some first`;
      throw new ServiceError('QuotaExceededError', message);
    }
    const id = this.#next++;
    this.#kept.set(id, { resource, bytes });
    this.#bytes += bytes;
    return id;
  }

  /** The resource of this number when it is of this class. */
  find<Kind extends Resource>(id: unknown, kind: new (...args: never[]) => Kind): Kind | undefined {
    const resource = this.#kept.get(id as number)?.resource;
    return resource instanceof kind ? resource : undefined;
  }

  close(id: unknown): void {
    const kept = this.#kept.get(id as number);
    if (kept === undefined) return;
    this.#kept.delete(id as number);
    this.#bytes -= kept.bytes;
    kept.resource.close();
  }

  closeAll(): void {
    for (const id of this.#kept.keys()) this.close(id);
  }
}
