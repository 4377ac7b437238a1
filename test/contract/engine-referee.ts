import type { Instance, InstanceEnd, InstanceWatcher } from '#runtime/engine.ts';

/** What an invocation has come to, as far as its caller can tell. */
type State = 'under way' | 'ended' | 'dropped';

/**
 * Stands between an instance and its listener, whatever the law is about, and notes what no instance may ever do: be heard
 * of an invocation that was not begun, was dropped or is over; end one twice; fall ill twice; give up the process; say
 * anything after it was disposed but that its calls are lost; lose count of what is under way.
 */
export class Referee {
  readonly faults: string[] = [];
  readonly watcher: InstanceWatcher;
  readonly #states: Map<number, State> = new Map();
  #unhealthies = 0;
  #disposed = false;

  constructor(listener: InstanceWatcher) {
    this.watcher = {
      line: (invocation, letter, json, bytes) => {
        this.#heard(invocation, `line ${letter}`);
        if (this.#disposed) this.#fault(`line ${letter} of a disposed instance`);
        listener.line(invocation, letter, json, bytes);
      },
      answered: (invocation, json, bytes, end) => {
        this.#end(invocation, 'answered', end);
        listener.answered(invocation, json, bytes, end);
      },
      ended: (invocation, end) => {
        this.#end(invocation, 'ended', end);
        listener.ended(invocation, end);
      },
      unhealthy: () => {
        if (++this.#unhealthies > 1) this.#fault('unhealthy twice');
        listener.unhealthy();
      },
      condemned: (why) => {
        this.#fault(`the process is given up: ${why}`);
        listener.condemned(why);
      },
    };
  }

  /** The instance, every call of which is noted. */
  over(instance: Instance): Instance {
    const states = this.#states;
    return {
      begin: (invocation, message, bytes) => {
        states.set(invocation, 'under way');
        instance.begin(invocation, message, bytes);
        this.#count(instance);
      },
      message: (invocation, message, bytes) => instance.message(invocation, message, bytes),
      drop: (invocation) => {
        if (states.get(invocation) === 'under way') states.set(invocation, 'dropped');
        instance.drop(invocation);
        this.#count(instance);
      },
      dispose: () => {
        this.#disposed = true;
        instance.dispose();
        this.#count(instance);
      },
      get inFlight() {
        return instance.inFlight;
      },
      get memoryBytes() {
        return instance.memoryBytes;
      },
    };
  }

  #count(instance: Instance): void {
    const underWay = [...this.#states.values()].filter((state) => state === 'under way').length;
    if (instance.inFlight !== underWay) this.#fault(`${instance.inFlight} in flight, ${underWay} under way`);
  }

  #heard(invocation: number, what: string): void {
    const state = this.#states.get(invocation);
    if (invocation !== 0 && state !== 'under way')
      this.#fault(`${what} of one that ${state ?? 'nobody began'}`);
  }

  #end(invocation: number, what: string, { cause, cpuMs, peakBytes }: InstanceEnd): void {
    this.#heard(invocation, what);
    this.#states.set(invocation, 'ended');
    if (this.#disposed && cause !== 'instance') this.#fault(`${what} ${cause} of a disposed instance`);
    for (const figure of [cpuMs, peakBytes])
      if (!Number.isFinite(figure) || figure < 0) this.#fault(`${what} with the figure ${figure}`);
  }

  #fault(what: string): void {
    this.faults.push(what);
  }
}
