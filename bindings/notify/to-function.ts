import type { FunctionCaller } from '#runtime/functions.ts';
import { HostError } from '#runtime/errors.ts';
import type { Order, Result, Send } from './channel.ts';
import type { Attribute, Attributes } from './filter.ts';

/** The function has this long, less when its own limit is lower. */
const callMs = 60_000;

/** Calls the function with an event as SNS sends it to AWS Lambda (README, "The event"). */
export function toFunctions(functions: FunctionCaller, now: () => number): Send {
  return async (order) => {
    const { target, space, message, signal } = order;
    if (target.channel !== 'function') throw new TypeError('target');
    const origin = { depth: message.depth, deadline: now() + callMs, signal };
    try {
      const called = await functions.call(
        { name: target.function, cordon: space.cordon },
        toEvent(order),
        origin,
      );
      if (called.kind === 'returned') return { kind: 'delivered', detail: 'returned' };
      return { kind: 'failed', detail: called.code };
    } catch (error) {
      return toFailure(error);
    }
  };
}

function toFailure(error: unknown): Result {
  if (!(error instanceof HostError)) throw error;
  // A loop does not end by going round once more.
  return { kind: error.code === 'ERR_CALL_DEPTH' ? 'refused' : 'failed', detail: error.code };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html, "Amazon SNS message event". */
function toEvent({ message, delivery, content, subscription }: Order): object {
  const { text, html, title, data, url } = content;
  return {
    Records: [
      {
        EventSource: 'islet:notify',
        EventVersion: '1.0',
        EventSubscriptionArn: subscription?.id ?? delivery,
        Sns: {
          Type: 'Notification',
          MessageId: message.id,
          TopicArn: message.topic ?? '',
          Subject: title ?? null,
          Message: text ?? (data === undefined ? (html ?? '') : JSON.stringify(data)),
          Timestamp: new Date(message.createdAt).toISOString(),
          MessageAttributes: toMessageAttributes(message.attributes),
          Data: data ?? null,
          Url: url ?? null,
          User: message.user ?? null,
        },
      },
    ],
  };
}

function toMessageAttributes(attributes: Attributes): object {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, { Type: typeOf(value), Value: textOf(value) }]),
  );
}

function typeOf(value: Attribute): string {
  if (typeof value === 'object') return 'String.Array';
  return typeof value === 'number' ? 'Number' : 'String';
}

function textOf(value: Attribute): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
