import type { WasmProgram } from '#runtime/deployment.ts';
import type { InstanceWatcher } from '#runtime/engine.ts';
import type { StartHead } from '#runtime/guest/protocol.ts';
import type { GuestError } from '#runtime/outcome.ts';
import { EventLines } from './event-lines.ts';
import { LambdaLines, toLogLine, toStartError } from './lambda-lines.ts';
import type { Conversation, Lines } from './lines.ts';
import type { NativeRefused } from './native.ts';
import { toStack } from './thrown.ts';

type Protocol = WasmProgram['protocol'];

/** How calls of a resident guest are spoken (`head`: JSON of StartHead); undefined for guests that speak the host's protocol themselves. */
export function openLines(
  protocol: Protocol,
  head: string,
): ((conversation: Conversation) => Lines) | undefined {
  switch (protocol) {
    case 'http':
    case 'cgi':
      return undefined;
    case 'events':
      return openEvents(JSON.parse(head) as StartHead);
    case 'lambda':
      return openLambda(JSON.parse(head) as StartHead);
  }
}

function openEvents(head: StartHead): (conversation: Conversation) => Lines {
  return (conversation) => new EventLines(conversation, head.function);
}

function openLambda(head: StartHead): (conversation: Conversation) => Lines {
  return (conversation) => new LambdaLines(conversation, head);
}

/** `watcher`, hearing log lines with the level that a guest of this protocol gave them. */
export function withLevels(protocol: Protocol, watcher: InstanceWatcher): InstanceWatcher {
  if (protocol !== 'lambda') return watcher;
  return {
    line: (invocation, letter, json, bytes) =>
      watcher.line(invocation, letter, letter === 'L' ? toLogLine(json) : json, bytes),
    answered: (invocation, json, bytes, end) => watcher.answered(invocation, json, bytes, end),
    ended: (invocation, end) => watcher.ended(invocation, end),
    unhealthy: () => watcher.unhealthy(),
    condemned: (why) => watcher.condemned(why),
  };
}

/** What was thrown by a guest that did not start. */
export function startErrorOf(protocol: Protocol, { message, stack }: NativeRefused): GuestError {
  if (protocol === 'lambda') return toStartError(message, stack);
  const shown = stack === undefined ? {} : { stack: toStack('Error', message, stack) };
  return { name: 'Error', message, ...shown, phase: 'startup' };
}
