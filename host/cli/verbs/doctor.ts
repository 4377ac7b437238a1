import { inspectMachine } from '../isolation.ts';
import type { Layer } from '../isolation.ts';
import type { Terminal } from '../terminal.ts';
import type { Verb } from '../verb.ts';
import { jsonFlag } from '../verb.ts';

const marks = { yes: '✓', no: '✗', absent: '–' } as const;
const styles = { yes: 'green', no: 'red', absent: 'dim' } as const;

export const doctor: Verb = {
  name: 'doctor',
  summary: 'What isolation is in force on this machine, layer by layer',
  operands: '',
  count: { least: 0, most: 0 },
  flags: {
    sandbox: {
      type: 'string',
      value: 'LEVEL',
      help: 'require: exit code 1 below level L2. Default: auto',
    },
    ...jsonFlag,
  },
  details: ['Each layer is tried in a child process started as a cell is, not looked up in a table.'],
  async run(args, context) {
    const { terminal } = context;
    const demanded = args.choice('sandbox', ['auto', 'require', 'off']) ?? 'auto';
    const { level, layers } = await terminal.during('trying the layers', inspectMachine());
    const runs = layers.every(
      (layer) => layer.level !== 'L0' || layer.state === 'yes' || layer.optional === true,
    );
    const enough = runs && (demanded !== 'require' || level === 'L2');
    if (args.is('json')) {
      terminal.json({ level, enough, demanded, layers });
      return enough ? 0 : 1;
    }
    for (const layer of layers) terminal.line(format(layer, terminal));
    terminal.line(`\nIsolation level ${terminal.style('bold', level)}`);
    if (!runs) terminal.note('No function can run here: isolates do not start');
    else if (!enough)
      terminal.note('--sandbox require asks for level L2, which is not reached here (ERR_SANDBOX)');
    return enough ? 0 : 1;
  },
};

function format(layer: Layer, terminal: Terminal): string {
  const mark = terminal.style(styles[layer.state], marks[layer.state]);
  return `${mark} ${layer.level}  ${layer.name.padEnd(24)}  ${layer.detail}`;
}
