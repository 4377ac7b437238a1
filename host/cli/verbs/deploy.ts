import { resolve } from 'node:path';
import { deploymentBytes } from '#host/admin/bounds.ts';
import type { VersionInfo } from '#host/host.ts';
import { path } from '../client.ts';
import { openClient } from '../locate.ts';
import { parseName, parsePairs } from '../reference.ts';
import { toName } from '../source-name.ts';
import { UsageError } from '../usage-error.ts';
import type { Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

export const deploy: Verb = {
  name: 'deploy',
  summary: 'Bundle a file or a folder and move traffic to it',
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
  ],
  examples: ['islet deploy hello.js --name hello', 'islet deploy ./shop --var MODE=test --no-activate'],
  async run(args, context) {
    const { terminal } = context;
    const given = args.text('name');
    const name = given === undefined ? undefined : parseName(given);
    const vars = parsePairs(args.texts('var'));
    const source = resolve(context.cwd, args.operand(0));
    const client = await openClient(args, context);

    const { bundle, stopBundler, toInlineSource } = await import('#host/deploy/bundle.ts');
    const bundled = await terminal
      .during('bundling', bundle(source, { manifest: { vars } }))
      .finally(stopBundler);
    for (const warning of bundled.warnings)
      terminal.note(`${terminal.noteStyle('yellow', 'warning')} ${warning}`);
    const target = name ?? bundled.manifest.name ?? hint(bundled.nameHint);
    const activate = !args.is('no-activate');
    let body = { ...toInlineSource(bundled), activate };
    if (JSON.stringify(body).length > deploymentBytes) {
      terminal.note(
        `${terminal.noteStyle('yellow', 'warning')} sent without its source map: the two are too large`,
      );
      body = {
        ...toInlineSource({ ...bundled, code: { kind: 'script', source: bundled.code.source } }),
        activate,
      };
    }
    const sending = client.json<VersionInfo>('POST', path`/v1/functions/${target}/deployments`, body);
    const info = await terminal.during(`deploying ${target}`, sending);

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
