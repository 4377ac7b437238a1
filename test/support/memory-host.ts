import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KvAccess } from '#bindings/kv/access.ts';
import { openKvNamespaces } from '#bindings/kv/namespaces.ts';
import type { KvNamespaces } from '#bindings/kv/namespaces.ts';
import type {
  DeployOptions,
  DeploySource,
  FunctionInfo,
  Host,
  InvokeOptions,
  InvokeResult,
  LogEntry,
  UsageReport,
  VersionInfo,
} from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import { defaultLimits } from '#runtime/limits.ts';
import type { Outcome } from '#runtime/outcome.ts';
import { outcomeLabel } from '#runtime/outcome.ts';
import { noUsage } from '#runtime/meter.ts';
import { run } from './memory-run.ts';
import { openMemoryStore } from './memory-store.ts';

interface Version {
  readonly info: Omit<VersionInfo, 'weight' | 'vars'>;
  readonly source: string;
  readonly vars: Readonly<Record<string, string>>;
}

interface Entry {
  versions: Version[];
  weights: Record<string, number>;
  before: number | undefined;
  secrets: Map<string, string>;
  updatedAt: number;
}

/**
 * The Host contract over maps, for tests of what stands on it. Functions are one CommonJS file with
 * `exports.handler` and run in this process, trusted; what they throw may be an Outcome to end with.
 */
export class MemoryHost implements Host {
  readonly #functions = new Map<string, Entry>();
  readonly #kv: Promise<KvNamespaces> = openKv();
  readonly #lines: LogEntry[] = [];
  readonly #usage = new Map<string, UsageReport>();
  #closing = false;
  /** Followers of the log under way. */
  followers = 0;

  readonly #assets = new Map<string, Uint8Array>();
  readonly assets: Host['assets'] = {
    missing: async (name, hashes) => hashes.filter((hash) => !this.#assets.has(`${name}/${hash}`)),
    put: async (name, bytes) => {
      const hash = createHash('sha256').update(bytes).digest('hex');
      this.#assets.set(`${name}/${hash}`, bytes);
      return hash;
    },
  };

  async deploy(source: DeploySource, options: DeployOptions = {}): Promise<VersionInfo> {
    const name = options.name;
    if (typeof source === 'string' || name === undefined)
      throw new TypeError('inline files with a name only');
    const main = source.main ?? 'index.js';
    const code = source.files[main];
    if (code === undefined) throw new HostError('ERR_SOURCE_NOT_FOUND', `Cannot deploy: there is no ${main}`);
    const vars = (options.manifest?.['vars'] ?? {}) as Record<string, string>;
    const text = typeof code === 'string' ? code : new TextDecoder().decode(code);
    return this.#commit(name, text, vars, options.activate !== false);
  }

  #commit(
    name: string,
    source: string,
    vars: Readonly<Record<string, string>>,
    activate: boolean,
  ): VersionInfo {
    const entry = this.#functions.get(name) ?? {
      versions: [],
      weights: {},
      before: undefined,
      secrets: new Map<string, string>(),
      updatedAt: 0,
    };
    this.#functions.set(name, entry);
    const id = createHash('sha256')
      .update(JSON.stringify([name, source, vars]))
      .digest('hex')
      .slice(0, 32);
    let version = entry.versions.find(({ info }) => info.id === id);
    if (version === undefined) {
      const number = (entry.versions.at(-1)?.info.version ?? 0) + 1;
      const info = {
        function: name,
        version: number,
        id,
        createdAt: Date.now(),
        sourceBytes: Buffer.byteLength(source),
        preview: { host: `${number}--${name}.localhost`, path: `/${name}@${number}/` },
        limits: defaultLimits,
        routes: [],
        cordon: 'default',
        bindings: [],
      };
      version = { info, source, vars };
      entry.versions.push(version);
    }
    if (activate) this.#move(entry, { [version.info.version]: 100 });
    return toInfo(entry, version);
  }

  #move(entry: Entry, weights: Record<string, number>): void {
    const [had] = Object.keys(entry.weights);
    if (had !== undefined) entry.before = Number(had);
    entry.weights = weights;
    entry.updatedAt = Date.now();
  }

  fetch(): Promise<never> {
    throw new TypeError('the memory host answers events only');
  }

  async invoke(name: string, event: unknown, options: InvokeOptions = {}): Promise<InvokeResult> {
    const entry = this.#entry(name);
    const drawn = options.version ?? Number(Object.keys(entry.weights)[0]);
    const { source, vars, info } = this.#version(name, drawn);
    const invocationId = randomUUID();
    const logs: LogEntry[] = [];
    const write =
      (level: LogEntry['level']) =>
      (...values: unknown[]): void => {
        logs.push({
          at: Date.now(),
          function: name,
          version: drawn,
          invocationId,
          level,
          message: values.join(' '),
        });
      };
    const console = { log: write('log'), info: write('info'), warn: write('warn'), error: write('error') };
    const outcome = await run(source, console, [
      event,
      { vars, secrets: Object.fromEntries(entry.secrets), clientContext: options.clientContext },
    ]);
    this.#lines.push(...logs);
    const usage = { ...noUsage, cpuMs: 1.5, wallMs: 2.25, peakMemoryBytes: 5 * 2 ** 20 };
    this.#count(name, info.version, outcome);
    const value = outcome.kind === 'returned' ? { value: JSON.parse(outcome.value) as unknown } : {};
    return { outcome, ...value, usage, invocationId, version: drawn, logs };
  }

  #count(name: string, version: number, outcome: Outcome): void {
    const was = this.#usage.get(`${name}@${version}`);
    const label = outcomeLabel(outcome);
    this.#usage.set(`${name}@${version}`, {
      function: name,
      version,
      invocations: (was?.invocations ?? 0) + 1,
      cold: 1,
      outcomes: { ...was?.outcomes, [label]: (was?.outcomes[label] ?? 0) + 1 },
      cpuMs: 1.5,
      wallMs: 2.25,
      gbSeconds: 0.001,
      peakMemoryBytes: 5 * 2 ** 20,
      bytesIn: 0,
      bytesOut: 0,
      operations: 0,
      messagesIn: 0,
      messagesOut: 0,
    });
  }

  async listen(): Promise<never> {
    throw new TypeError('the memory host has no gateway');
  }

  async close(): Promise<void> {
    this.#closing = true;
  }

  readonly upgrade: Host['upgrade'] = (_request, socket) => void socket.destroy();

  readonly handler: Host['handler'] = (_request, response) => {
    response.end();
  };

  async list(): Promise<readonly FunctionInfo[]> {
    return [...this.#functions.entries()].map(([name, entry]) => toFunction(name, entry));
  }

  async versions(name: string): Promise<readonly VersionInfo[]> {
    const entry = this.#entry(name);
    return entry.versions.map((version) => toInfo(entry, version));
  }

  async rollback(name: string, version?: number): Promise<VersionInfo> {
    const entry = this.#entry(name);
    const to = version ?? entry.before;
    if (to === undefined)
      throw new HostError('ERR_NO_VERSION', `Cannot roll back "${name}": nothing came before`);
    const found = this.#version(name, to);
    this.#move(entry, { [to]: 100 });
    return toInfo(entry, found);
  }

  async setWeights(name: string, weights: Readonly<Record<string, number>>): Promise<FunctionInfo> {
    for (const version of Object.keys(weights)) this.#version(name, Number(version));
    this.#move(this.#entry(name), { ...weights });
    return toFunction(name, this.#entry(name));
  }

  async delete(name: string, version?: number): Promise<void> {
    const entry = this.#entry(name);
    if (version === undefined) {
      this.#functions.delete(name);
      return;
    }
    this.#version(name, version);
    if ((entry.weights[version] ?? 0) > 0) {
      throw new HostError(
        'ERR_VERSION_IN_USE',
        `Cannot delete version ${version} of "${name}": it has traffic`,
      );
    }
    entry.versions = entry.versions.filter(({ info }) => info.version !== version);
  }

  readonly secrets: Host['secrets'] = {
    put: async (name, key, value) => {
      this.#entry(name).secrets.set(key, value);
    },
    list: async (name) => [...this.#entry(name).secrets.keys()],
    delete: async (name, key) => {
      if (this.#entry(name).secrets.delete(key)) return;
      throw new HostError('ERR_NO_SECRET', `Cannot delete the secret ${key}: there is none`);
    },
  };

  readonly vars: Host['vars'] = {
    get: async (name) => this.#active(name).vars,
    set: async (name, vars) => {
      const { source, vars: old } = this.#active(name);
      const joined = Object.entries({ ...old, ...vars }).filter(
        (pair): pair is [string, string] => pair[1] !== null,
      );
      return this.#commit(name, source, Object.fromEntries(joined), true);
    },
  };

  readonly kv: Host['kv'] = {
    namespaces: async () => (await this.#kv).namespaces(),
    get: async (...args) => (await this.#kv).get(...args),
    put: async (...args) => (await this.#kv).put(...args),
    delete: async (...args) => (await this.#kv).delete(...args),
    list: async (...args) => (await this.#kv).list(...args),
    export: (...args) => this.#export(args),
    import: async (...args) => (await this.#kv).import(...args),
    grants: async () => (await this.#kv).grants(),
    grant: async (...args) => (await this.#kv).grant(...args),
    revoke: async (...args) => (await this.#kv).revoke(...args),
  };

  async *#export(args: Parameters<Host['kv']['export']>): AsyncGenerator<Uint8Array> {
    yield* (await this.#kv).export(...args);
  }

  async *logs(filter: Parameters<Host['logs']>[0]): AsyncGenerator<LogEntry> {
    const matches = (entry: LogEntry): boolean =>
      filter.function === undefined || entry.function === filter.function;
    const earlier = this.#lines.filter(matches);
    yield* earlier.slice(Math.max(0, earlier.length - (filter.tail ?? 0)));
    if (filter.follow !== true) return;
    this.followers += 1;
    try {
      for (let seen = this.#lines.length; filter.signal?.aborted !== true && !this.#closing; await sleep(5)) {
        for (; seen < this.#lines.length; seen += 1) {
          const entry = this.#lines[seen];
          if (entry !== undefined && matches(entry)) yield entry;
        }
      }
    } finally {
      this.followers -= 1;
    }
  }

  async usage(name?: string): Promise<readonly UsageReport[]> {
    return [...this.#usage.values()].filter((report) => name === undefined || report.function === name);
  }

  async health(): ReturnType<Host['health']> {
    return {
      status: this.#closing ? 'closing' : 'ok',
      version: '0.0.0',
      uptimeMs: 1,
      isolation: 'none',
      functions: this.#functions.size,
      cells: [],
    };
  }

  async metrics(): Promise<string> {
    return '# TYPE islet_functions gauge\nislet_functions 1\n';
  }

  #entry(name: string): Entry {
    const entry = this.#functions.get(name);
    if (entry !== undefined) return entry;
    throw new HostError('ERR_NO_FUNCTION', `Cannot find "${name}": no function has that name`);
  }

  #version(name: string, number: number): Version {
    const version = this.#entry(name).versions.find(({ info }) => info.version === number);
    if (version !== undefined) return version;
    throw new HostError('ERR_NO_VERSION', `Cannot find version ${number} of "${name}"`);
  }

  #active(name: string): Version {
    return this.#version(name, Number(Object.keys(this.#entry(name).weights)[0]));
  }
}

function toInfo(entry: Entry, { info, vars }: Version): VersionInfo {
  return { ...info, weight: entry.weights[info.version] ?? 0, vars: Object.keys(vars) };
}

function toFunction(name: string, entry: Entry): FunctionInfo {
  const { weights, versions, updatedAt } = entry;
  return { name, weights, routes: [], versions: versions.length, updatedAt };
}

/** The real ones, over a store in memory. */
async function openKv(): Promise<KvNamespaces> {
  const store = openMemoryStore();
  return openKvNamespaces(store, { access: await KvAccess.open(store) });
}
