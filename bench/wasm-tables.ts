import { table } from '#host/cli/table.ts';
import { millis, rateCells, rateHeads } from './cells.ts';
import type { Spread } from './histogram.ts';
import type { WasmReport } from './report.ts';

const MB = 2 ** 20;

/** The wasm part of the report for a terminal: blocks of lines. */
export function wasmText(wasm: WasmReport): readonly (readonly string[])[] {
  const { peer } = wasm;
  return [
    [
      `wasm: the engine by itself, p50 / p99 in µs; the addon has ${(wasm.addonBytes / MB).toFixed(1)} MB` +
        (wasm.pooled ? '' : ', no pool of memories here'),
      ...table(
        ['', 'compile ms', 'file KB', 'load', 'instantiate', 'call', 'starts'],
        wasm.engine.map((row) => [
          row.what,
          row.compileMs.toFixed(0),
          (row.artifactBytes / 1024).toFixed(0),
          micros(row.load),
          micros(row.instantiate),
          micros(row.call),
          String(row.instantiate.count),
        ]),
      ),
    ],
    [
      'wasm: first request of a function over HTTP, right after its deploy, p50 / p99 in ms',
      ...table(
        ['', 'cold', 'warm', 'cold - warm', 'functions'],
        wasm.first.map((row) => [
          row.what,
          millis(row.cold),
          millis(row.warm),
          row.overWarm.toFixed(2),
          String(row.cold.count),
        ]),
      ),
    ],
    [
      `wasm: warm, ${wasm.connections} connections, medians over the rounds`,
      ...table(
        ['', ...rateHeads],
        wasm.warm.map((row) => [row.what, ...rateCells(row)]),
      ),
      peer === undefined
        ? 'no program wasmtime on PATH to be held against'
        : `the component, islet over wasmtime serve (${peer.version}): ${peer.throughput.toFixed(2)} of its requests/s`,
    ],
  ];
}

function micros({ p50, p99 }: Spread): string {
  return `${(p50 * 1000).toFixed(0)} / ${(p99 * 1000).toFixed(0)}`;
}
