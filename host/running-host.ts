import type { IncomingMessage, ServerResponse } from 'node:http';
import { HostError } from '#runtime/errors.ts';
import { createAdmin } from './admin/app.ts';
import { serveAdmin, type AdminServer } from './admin/serve.ts';
import { deniesNetwork } from './cells/process.ts';
import type { Fleet } from './cells/fleet.ts';
import type { HostConfig } from './config.ts';
import type { DataDir } from './data-dir.ts';
import type { Deployments } from './deploy/deployments.ts';
import type { Draft } from './deploy/draft.ts';
import type { Dispatcher } from './dispatch/dispatch.ts';
import type {
  DeployOptions,
  DeploySource,
  FunctionInfo,
  Health,
  Host,
  InvokeOptions,
  InvokeResult,
  Listening,
  ListenOptions,
  LogEntry,
  UsageReport,
  VersionInfo,
} from './host.ts';
import type { Front } from './front/front.ts';
import { fetchThrough } from './http/fetch-door.ts';
import type { Gateway } from './http/gateway.ts';
import { invokeThrough } from './http/invoke-door.ts';
import { listenHttp, type HttpListener } from './http/server.ts';
import type { LogFilter, Logs } from './logs.ts';
import type { Meter } from './meter.ts';
import type { Metrics } from './metrics.ts';
import { isletVersion } from './version.ts';

export interface HostParts {
  readonly config: HostConfig;
  readonly dataDir: DataDir;
  readonly deployments: Deployments;
  readonly dispatch: Dispatcher;
  readonly fleet: Fleet;
  readonly front: Front;
  readonly gateway: Gateway;
  readonly kv: Host['kv'];
  readonly logs: Logs;
  readonly meter: Meter;
  readonly metrics: Metrics;
  /** Closes the store and what stands on it. */
  readonly closeLast: () => Promise<void>;
}

const defaultPort = 8787;
const defaultAdminPort = 8788;
/** How long calls under way may take when the host closes, in ms. */
const graceMs = 10_000;

/** A Host over its parts; each verb says what is wrong by a HostError. */
export class RunningHost implements Host {
  readonly #parts: HostParts;
  readonly #startedAt: number = performance.now();
  readonly secrets: Host['secrets'];
  readonly vars: Host['vars'];
  readonly kv: Host['kv'];
  readonly assets: Host['assets'];
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrade: Host['upgrade'];
  #http: HttpListener | undefined;
  #admin: AdminServer | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.secrets = parts.deployments.secrets;
    this.kv = parts.kv;
    this.assets = parts.deployments.assets;
    this.handler = parts.gateway;
    this.upgrade = parts.gateway.upgrade;
    this.vars = {
      get: (name) => parts.deployments.vars.get(name),
      set: async (name, vars) => this.#land(await parts.deployments.draftVars(name, vars), true),
    };
  }

  async deploy(source: DeploySource, options: DeployOptions = {}): Promise<VersionInfo> {
    this.#open();
    const { activate = true, signal, ...rest } = options;
    signal?.throwIfAborted();
    return this.#land(await this.#parts.deployments.draft(source, rest), activate, signal);
  }

  async fetch(name: string, request: Request, options: { version?: number } = {}): Promise<Response> {
    const { deployments, front } = this.#parts;
    return fetchThrough(front, deployments.target(name, options.version), request);
  }

  async invoke(name: string, event: unknown, options: InvokeOptions = {}): Promise<InvokeResult> {
    const { deployments, front, logs } = this.#parts;
    const { version, ...rest } = options;
    const target = deployments.target(name, version);
    const result = await invokeThrough(front, target, event, rest);
    return { ...result, version: target.deployment.version, logs: logs.of(name, result.invocationId) };
  }

  async listen(options: ListenOptions = {}): Promise<Listening> {
    this.#open();
    if (this.#http !== undefined)
      throw new HostError('ERR_CONFLICT', 'Cannot listen: this host already does');
    const { gateway, config, dataDir } = this.#parts;
    const hostname = options.hostname ?? '127.0.0.1';
    const http = await listenHttp(gateway, { port: options.port ?? defaultPort, hostname, log: config.log });
    this.#http = http;
    try {
      const adminUrl = await this.#listenAdmin(options.adminPort ?? defaultAdminPort);
      const listening = { url: http.url, ...(adminUrl === undefined ? {} : { adminUrl }) };
      dataDir.announce(listening);
      return listening;
    } catch (error) {
      this.#http = undefined;
      await Promise.all([http.close({ graceMs: 0 }), this.#admin?.close()]);
      this.#admin = undefined;
      throw error;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async list(): Promise<readonly FunctionInfo[]> {
    return this.#parts.deployments.list();
  }

  async versions(name: string): Promise<readonly VersionInfo[]> {
    return this.#parts.deployments.versions(name);
  }

  async rollback(name: string, version?: number): Promise<VersionInfo> {
    return this.#parts.deployments.rollback(name, version);
  }

  async setWeights(name: string, weights: Readonly<Record<string, number>>): Promise<FunctionInfo> {
    return this.#parts.deployments.setWeights(name, weights);
  }

  async delete(name: string, version?: number): Promise<void> {
    const { deployments, logs } = this.#parts;
    await deployments.delete(name, version);
    // Its lines would otherwise be the first of another function that gets the name later.
    if (version === undefined) logs.forget(name);
  }

  logs(filter: LogFilter): AsyncIterable<LogEntry> {
    return this.#parts.logs.read(filter);
  }

  async usage(name?: string): Promise<readonly UsageReport[]> {
    const reports = this.#parts.meter.report(name);
    // What was deleted keeps its figures; a name that never was is a mistake, and this says so.
    if (name !== undefined && reports.length === 0) await this.#parts.deployments.versions(name);
    return reports;
  }

  async health(): Promise<Health> {
    const { config, deployments, fleet } = this.#parts;
    await freshInfo(fleet);
    return {
      status: this.#closing === undefined ? 'ok' : 'closing',
      version: isletVersion(),
      uptimeMs: performance.now() - this.#startedAt,
      isolation: config.isolation === 'none' || !deniesNetwork() ? 'L0' : 'L1',
      functions: (await deployments.list()).length,
      cells: fleet.info(),
    };
  }

  async metrics(): Promise<string> {
    await freshInfo(this.#parts.fleet);
    return this.#parts.metrics.text();
  }

  /** Started once for proof, then stored; a version that is stored already has been. */
  async #land(draft: Draft, activate: boolean, signal?: AbortSignal): Promise<VersionInfo> {
    if (!draft.existing) await this.#parts.dispatch.check(draft.target, signal);
    signal?.throwIfAborted();
    return this.#parts.deployments.commit(draft, { activate });
  }

  #open(): void {
    if (this.#closing !== undefined) throw new HostError('ERR_CLOSING', 'This host is closing; open another');
  }

  async #listenAdmin(port: number | false): Promise<string | undefined> {
    if (port === false) return undefined;
    const { dataDir } = this.#parts;
    const { log } = this.#parts.config;
    const admin = createAdmin({
      host: this,
      token: dataDir.token,
      version: isletVersion(),
      onInternalError: (error) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        log({ level: 'error', message: `admin: ${text}`, at: Date.now() });
      },
    });
    this.#admin = await serveAdmin(admin, { port });
    return this.#admin.url;
  }

  async #close(): Promise<void> {
    const { dataDir, dispatch, fleet, front, gateway, meter, closeLast } = this.#parts;
    gateway.beginClosing();
    if (this.#http !== undefined) dataDir.retract();
    const listeners = [this.#http?.close({ graceMs }), this.#admin?.close()];
    await Promise.all([...listeners, front.close(graceMs), dispatch.close(graceMs)]);
    fleet.close();
    await meter.close();
    await closeLast();
  }
}

/** Asks the cells and gives them a moment: figures are at most a beat old otherwise. */
async function freshInfo(fleet: Fleet): Promise<void> {
  fleet.ping();
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 20);
  });
}
