import { redactOf } from '../redact.ts';
import type { InvocationOwner } from './invocation-owner.ts';
import type { Invocation } from './invocation.ts';
import { Operations } from './operations.ts';
import { InvocationOrigin } from './origin.ts';

/** The binding operations of one invocation. */
export function operationsOf(invocation: Invocation, owner: InvocationOwner): Operations {
  const { call, id, pool } = invocation;
  const { target } = pool;
  return new Operations({
    id,
    subrequests: target.deployment.limits.subrequests,
    origin: new InvocationOrigin(call, id, () => invocation.deadline),
    request: call.kind === 'request' ? call : undefined,
    attachment: (name) => pool.attachments.get(name),
    renews: () => invocation.socket?.renews() === true,
    exceeded: () => invocation.exceed('subrequests'),
    failed: (error, what) => owner.failed(error, what, target),
    redact: redactOf(target),
    send: (kind, rest, bytes) => invocation.send(kind, rest, bytes),
  });
}
