import { GuestHarness, lineOf } from './guest-harness.ts';
import type { Line } from './guest-harness.ts';

/** A guest whose fetch does `body`, with a KV binding and one of a kind unknown to the runtime. */
export const open = async (body: string): Promise<GuestHarness> => {
  const guest = await GuestHarness.open(
    `let kept; export default { async fetch(request, env, ctx) { ${body} } }`,
    {
      bindings: [
        { name: 'KV', kind: 'kv' },
        { name: 'ODD', kind: 'odd' },
      ],
    },
  );
  guest.take();
  return guest;
};

export interface Operation {
  readonly op: number;
  readonly binding: string;
  readonly method: string;
  readonly args: unknown;
  readonly bytes: string | undefined;
  readonly streamed: boolean;
}

/** The one operation among the lines, its inline bytes as text. */
export function operationOf(lines: readonly Line[]): Operation {
  const line = lineOf(lines, 'O');
  const [op, binding, method, args, offset, length, streamed] = line.json as [
    number,
    string,
    string,
    unknown,
    number,
    number,
    number,
  ];
  const bytes =
    length < 0 ? undefined : Buffer.from(line.all ?? []).toString('utf8', offset, offset + length);
  return { op, binding, method, args, bytes, streamed: streamed === 1 };
}

/** Answers operation `op` of invocation 1 and gives what the guest sends then. */
export const answer = (guest: GuestHarness, op: number, value: unknown, bytes?: string): Line[] =>
  guest.deliver(
    [6, 1, op, 1, value, 0, bytes === undefined ? -1 : Buffer.byteLength(bytes), 0],
    bytes === undefined ? undefined : Buffer.from(bytes),
  );
