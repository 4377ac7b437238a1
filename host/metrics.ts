import { Counter, Gauge, Registry } from 'prom-client';
import type { FrontReport } from './front/figures.ts';
import type { CellInfo, UsageReport } from './host.ts';

export interface MetricsSources {
  readonly front: () => readonly FrontReport[];
  readonly usage: () => readonly UsageReport[];
  readonly cells: () => readonly CellInfo[];
  readonly version: string;
}

/**
 * Prometheus text. Nothing is counted twice: the figures are read from the meter when somebody asks, so that a call
 * costs no more for being exported. Counters go on across restarts as the meter does.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #sources: MetricsSources;
  readonly #invocations: Counter;
  readonly #sums: readonly { readonly counter: Counter; readonly of: (report: UsageReport) => number }[];
  readonly #front: readonly { readonly counter: Counter; readonly of: (report: FrontReport) => number }[];
  readonly #peak: Gauge;
  readonly #cells: Gauge;
  readonly #instances: Gauge;
  readonly #rss: Gauge;
  readonly #warm: Gauge;
  readonly #evictions: Counter;

  constructor(sources: MetricsSources) {
    this.#sources = sources;
    const registers = [this.#registry];
    const labelNames = ['function', 'version'];
    const sum = (name: string, help: string, of: (report: UsageReport) => number) => ({
      counter: new Counter({ name, help, labelNames, registers }),
      of,
    });
    this.#invocations = new Counter({
      name: 'islet_invocations_total',
      help: 'Invocations by outcome',
      labelNames: [...labelNames, 'outcome'],
      registers,
    });
    this.#sums = [
      sum('islet_cold_starts_total', 'Invocations that waited for a start', (report) => report.cold),
      sum('islet_cpu_seconds_total', 'CPU time of guests', (report) => report.cpuMs / 1000),
      sum('islet_wall_seconds_total', 'Wall clock of invocations', (report) => report.wallMs / 1000),
      sum('islet_gb_seconds_total', 'Memory limit times wall clock', (report) => report.gbSeconds),
      sum('islet_request_bytes_total', 'Request body bytes', (report) => report.bytesIn),
      sum('islet_response_bytes_total', 'Response body bytes', (report) => report.bytesOut),
      sum('islet_operations_total', 'Binding operations and fetches', (report) => report.operations),
      sum('islet_socket_messages_in_total', 'WebSocket messages from clients', (report) => report.messagesIn),
      sum('islet_socket_messages_out_total', 'WebSocket messages to clients', (report) => report.messagesOut),
    ];
    const answered = (name: string, help: string, of: (report: FrontReport) => number) => ({
      counter: new Counter({ name, help, labelNames: [...labelNames, 'kind'], registers }),
      of,
    });
    this.#front = [
      answered(
        'islet_front_requests_total',
        'Requests answered before a function',
        ({ requests }) => requests,
      ),
      answered(
        'islet_front_response_bytes_total',
        'Response body bytes of those',
        ({ bytesOut }) => bytesOut,
      ),
    ];
    const gauge = (name: string, help: string, names: string[]) =>
      new Gauge({ name, help, labelNames: names, registers });
    this.#peak = gauge('islet_peak_memory_bytes', 'Highest memory of an instance', labelNames);
    this.#cells = gauge('islet_cells', 'Cell processes by state', ['cordon', 'state']);
    this.#instances = gauge('islet_instances', 'Live instances', ['cordon']);
    this.#rss = gauge('islet_cell_rss_bytes', 'Resident memory of cells', ['cordon']);
    this.#warm = gauge('islet_warm_bytes', 'Heap of warm instances', ['cordon']);
    this.#evictions = new Counter({
      name: 'islet_evictions_total',
      help: 'Instances that left the warm cache, by reason, of the cells that run now',
      labelNames: ['cordon', 'reason'],
      registers,
    });
    gauge('islet_info', 'Version of islet', ['version']).set({ version: sources.version }, 1);
  }

  async text(): Promise<string> {
    this.#readUsage();
    this.#readFront();
    this.#readCells();
    return await this.#registry.metrics();
  }

  #readUsage(): void {
    this.#invocations.reset();
    this.#peak.reset();
    for (const { counter } of this.#sums) counter.reset();
    for (const report of this.#sources.usage()) {
      const labels = { function: report.function, version: String(report.version) };
      for (const [outcome, count] of Object.entries(report.outcomes))
        this.#invocations.inc({ ...labels, outcome }, count);
      for (const { counter, of } of this.#sums) counter.inc(labels, of(report));
      this.#peak.set(labels, report.peakMemoryBytes);
    }
  }

  #readFront(): void {
    for (const { counter } of this.#front) counter.reset();
    for (const report of this.#sources.front()) {
      const { function: name, version, kind } = report;
      for (const { counter, of } of this.#front)
        counter.inc({ function: name, version: String(version), kind }, of(report));
    }
  }

  #readCells(): void {
    for (const gauge of [this.#cells, this.#instances, this.#rss, this.#warm]) gauge.reset();
    this.#evictions.reset();
    for (const cell of this.#sources.cells()) {
      const { cordon, state } = cell;
      this.#cells.inc({ cordon, state });
      this.#instances.inc({ cordon }, cell.instances);
      this.#rss.inc({ cordon }, cell.rssBytes);
      this.#warm.inc({ cordon }, cell.warmBytes);
      for (const [reason, count] of Object.entries(cell.evictions))
        this.#evictions.inc({ cordon, reason }, count);
    }
  }
}
