import { invalidType } from './errors.js';

/** `node:diagnostics_channel`. https://nodejs.org/api/diagnostics_channel.html */

const channels = new Map();

export class Channel {
  #subscribers = [];
  /** By store of AsyncLocalStorage: what makes its value of what is published. */
  #stores = new Map();

  constructor(name) {
    this.name = name;
  }

  get hasSubscribers() {
    return this.#subscribers.length > 0 || this.#stores.size > 0;
  }

  subscribe(subscriber) {
    if (typeof subscriber !== 'function') throw invalidType('subscription', 'of type function');
    this.#subscribers = [...this.#subscribers, subscriber];
  }

  unsubscribe(subscriber) {
    const at = this.#subscribers.indexOf(subscriber);
    if (at === -1) return false;
    this.#subscribers = this.#subscribers.toSpliced(at, 1);
    return true;
  }

  /** What a subscriber throws is nobody's who publishes: it is reported. */
  publish(message) {
    for (const subscriber of this.#subscribers) {
      try {
        subscriber(message, this.name);
      } catch (error) {
        reportError(error);
      }
    }
  }

  bindStore(store, toValue) {
    this.#stores.set(store, toValue);
  }

  unbindStore(store) {
    return this.#stores.delete(store);
  }

  /** Publishes and calls within the stores that are bound. */
  runStores(message, callback, self, ...args) {
    let run = () => {
      this.publish(message);
      return Reflect.apply(callback, self, args);
    };
    for (const [store, toValue] of this.#stores) {
      const inner = run;
      run = () => store.run(toValue === undefined ? message : toValue(message), inner);
    }
    return run();
  }
}

export function channel(name) {
  if (typeof name !== 'string' && typeof name !== 'symbol')
    throw invalidType('channel', 'of type string or symbol');
  if (!channels.has(name)) channels.set(name, new Channel(name));
  return channels.get(name);
}
export const hasSubscribers = (name) => channels.get(name)?.hasSubscribers === true;
export const subscribe = (name, subscriber) => channel(name).subscribe(subscriber);
export const unsubscribe = (name, subscriber) => channel(name).unsubscribe(subscriber);

const phases = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];

class TracingChannel {
  constructor(given) {
    for (const phase of phases)
      this[phase] = typeof given === 'string' ? channel(`tracing:${given}:${phase}`) : given[phase];
  }

  get hasSubscribers() {
    return phases.some((phase) => this[phase]?.hasSubscribers);
  }

  subscribe(handlers) {
    for (const phase of phases) if (handlers[phase]) this[phase]?.subscribe(handlers[phase]);
  }

  unsubscribe(handlers) {
    // Every one of them, also after one that was not there.
    return phases
      .filter((phase) => handlers[phase])
      .map((phase) => this[phase]?.unsubscribe(handlers[phase]) === true)
      .every(Boolean);
  }

  traceSync(callback, context = {}, self, ...args) {
    if (!this.hasSubscribers) return Reflect.apply(callback, self, args);
    return this.#run(context, () => {
      context.result = Reflect.apply(callback, self, args);
      return context.result;
    });
  }

  tracePromise(callback, context = {}, self, ...args) {
    if (!this.hasSubscribers) return Reflect.apply(callback, self, args);
    const settled = (key, value) => {
      context[key] = value;
      if (key === 'error') this.error.publish(context);
      this.asyncStart.publish(context);
      this.asyncEnd.publish(context);
    };
    return this.#run(context, () => {
      const promise = Reflect.apply(callback, self, args);
      if (typeof promise?.then !== 'function') {
        context.result = promise;
        return promise;
      }
      return promise.then(
        (result) => {
          settled('result', result);
          return result;
        },
        (error) => {
          settled('error', error);
          throw error;
        },
      );
    });
  }

  // oxlint-disable-next-line max-params -- as Node has them
  traceCallback(callback, position = -1, context = {}, self, ...args) {
    if (!this.hasSubscribers) return Reflect.apply(callback, self, args);
    const done = args.at(position);
    if (typeof done !== 'function') throw invalidType('callback', 'of type function');
    const traced = (...given) => {
      const [error, result] = given;
      if (error) {
        context.error = error;
        this.error.publish(context);
      } else context.result = result;
      return this.asyncStart.runStores(context, () => {
        try {
          return Reflect.apply(done, undefined, given);
        } finally {
          this.asyncEnd.publish(context);
        }
      });
    };
    args.splice(position, 1, traced);
    return this.#run(context, () => Reflect.apply(callback, self, args));
  }

  #run(context, act) {
    return this.start.runStores(context, () => {
      try {
        return act();
      } catch (error) {
        context.error = error;
        this.error.publish(context);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }
}

/** Channels of the phases of a call, by the name of its operation, or given. */
export const tracingChannel = (given) => new TracingChannel(given);

export default { Channel, channel, hasSubscribers, subscribe, tracingChannel, unsubscribe };
