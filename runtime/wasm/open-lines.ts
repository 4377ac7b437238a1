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

/** How calls of a resident guest are spoken; undefined for guests that speak the host's protocol themselves. */
export function openLines(
  protocol: Protocol,
  head: StartHead,
): ((conversation: Conversation) => Lines) | undefined {
  switch (protocol) {
    case 'http':
    case 'cgi':
      return undefined;
    case 'events':
      return (conversation) => new EventLines(conversation, head.function);
    case 'lambda':
      return (conversation) => new LambdaLines(conversation, head);
  }
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
