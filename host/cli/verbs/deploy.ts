import { dirname, resolve } from 'node:path';
import type { VersionInfo } from '#host/host.ts';
import { openClient } from '../locate.ts';
import { parseName, parsePairs } from '../reference.ts';
import { toName } from '../source-name.ts';
import { UsageError } from '../usage-error.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

export const deploy: Verb = {
  name: 'deploy',
  summary: 'Build a file or a folder and move traffic to it',
  operands: 'PATH',
  count: { least: 1, most: 1 },
  flags: {
    name: {
      type: 'string',
      value: 'NAME',
      help: 'Default: what islet.json says, else the name of the file or folder',
    },
    var: {
      type: 'string',
      multiple: true,
      value: 'KEY=VALUE',
      help: 'A variable, over those of islet.json; repeatable',
    },
    'no-activate': { type: 'boolean', help: 'Store the version, leave the traffic where it is' },
    ...adminFlags,
  },
  details: [
    'JavaScript or TypeScript, with npm dependencies from its node_modules. It is bundled here: errors name file,\n' +
      'line and column, and only the bundle and islet.json leave this machine.',
    'A WebAssembly module or component (.wasm, .wat), or a Python or Ruby handler (.py, .rb) as written for Lambda: the\n' +
      'host compiles it.',
  ],
  examples: ['islet deploy hello.js --name hello', 'islet deploy ./shop --var MODE=test --no-activate'],
  async run(args, context) {
    const { terminal } = context;
    const given = args.text('name');
    const name = given === undefined ? undefined : parseName(given);
    const vars = parsePairs(args.texts('var'));
    const source = resolve(context.cwd, args.operand(0));
    const client = await openClient(args, context);

    const { buildSource, isWasmBuild } = await import('#host/deploy/build.ts');
    const { stopBundler } = await import('#host/deploy/bundle.ts');
    const build = await terminal
      .during('bundling', buildSource(source, { manifest: { vars } }))
      .finally(stopBundler);
    for (const warning of build.warnings)
      terminal.note(`${terminal.noteStyle('yellow', 'warning')} ${warning}`);
    const target = name ?? build.manifest.name ?? hint(build.nameHint);
    const { sendBuild } = await import('../send-build.ts');
    const sending = sendBuild(client, target, {
      build,
      activate: !args.is('no-activate'),
      folders: [dirname(source), context.cwd],
      note: (text) => terminal.note(`${terminal.noteStyle('yellow', 'warning')} ${text}`),
    });
    const label = isWasmBuild(build) ? `compiling ${target}` : `deploying ${target}`;
    const info = await terminal.during(label, sending);
    for (const warning of info.warnings ?? [])
      terminal.note(`${terminal.noteStyle('yellow', 'warning')} ${warning}`);

    if (args.is('json')) terminal.json(info);
    else terminal.line(describe(info));
    return 0;
  },
};

function hint(name: string | undefined): string {
  if (name === undefined) throw new UsageError('give the function a name with --name', 'deploy');
  return toName(name);
}

function describe(info: VersionInfo): string {
  const label = `${info.function} version ${info.version}`;
  if (info.weight === 0) return `${label} is stored and has no traffic; preview ${info.preview.path}`;
  return info.weight === 100 ? `${label} answers` : `${label} answers ${info.weight} % of the traffic`;
}
