import type { Sandbox } from './bootstrap.ts';
import type { Message, Ran } from './entries.ts';

/** How an instance whose first message was not for this thread is started anew. */
export interface Again {
  /** Nobody knows of the instance yet. */
  readonly may: () => boolean;
  /** All it was ever told, in order. The instance is gone and has said nothing. */
  readonly start: (messages: readonly Message[]) => void;
}

/** Enters the guest of `sandbox`; what it sends meanwhile is held, for whoever finds that the entry counts. */
export function tryHere(
  { port }: Sandbox,
  enter: () => Ran,
): { readonly ran: Ran; readonly held: readonly (readonly [unknown, unknown])[] } {
  const held: [unknown, unknown][] = [];
  const { send } = port;
  port.send = (...sent) => held.push(sent);
  const ran = enter();
  port.send = send;
  return { ran, held };
}
