import { readFile } from 'node:fs/promises';
import { deploymentBytes } from '#host/admin/bounds.ts';
import { isWasmBuild, toSource } from '#host/deploy/build.ts';
import type { Build } from '#host/deploy/build.ts';
import { findInterpreterFile } from '#host/deploy/languages/find-interpreter.ts';
import { languageOf } from '#host/deploy/languages/language-table.ts';
import type { InlineSource, VersionInfo } from '#host/host.ts';
import { RemoteError } from './client.ts';
import { path } from './client.ts';
import type { AdminClient } from './client.ts';
import { sendAssets } from './send-assets.ts';

export interface SendOptions {
  readonly build: Build;
  readonly activate: boolean;
  /** Where an interpreter is looked for when the host has none, each upwards. */
  readonly folders: readonly string[];
  /** Hears what the person should know. */
  readonly note: (text: string) => void;
}

/** Files as the admin API takes them: text, or bytes in base64. */
type Wire = Record<string, string | { readonly base64: string }>;

/**
 * Sends a build to a host. Without its source map when the two are too large; with the interpreter of its language when
 * the host says that it has none.
 */
export async function sendBuild(
  client: AdminClient,
  name: string,
  { build, activate, folders, note }: SendOptions,
): Promise<VersionInfo> {
  const to = path`/v1/functions/${name}/deployments`;
  const { files, main } = toSource(build);
  const assets = build.assets && (await sendAssets(client, name, build.assets));
  const body = { files: toWire(files), main, activate, ...(assets === undefined ? {} : { assets }) };
  if (!isWasmBuild(build) && JSON.stringify(body).length > deploymentBytes) {
    note('sent without its source map: the two are too large');
    return client.json('POST', to, { ...body, files: toWire(toSource(withoutMap(build)).files) });
  }
  try {
    return await client.json('POST', to, body);
  } catch (error) {
    if (!(error instanceof RemoteError && error.code === 'ERR_NO_INTERPRETER')) throw error;
    const interpreter = await interpreterOf(build.entry, folders);
    if (interpreter === undefined) throw error;
    return client.json('POST', to, { ...body, files: { ...body.files, ...interpreter } });
  }
}

function toWire(files: InlineSource['files']): Wire {
  const wire: Wire = {};
  for (const [path, content] of Object.entries(files)) {
    wire[path] = typeof content === 'string' ? content : { base64: Buffer.from(content).toString('base64') };
  }
  return wire;
}

function withoutMap(build: Build): Build {
  const { code } = build;
  return code.kind === 'script' ? { ...build, code: { kind: 'script', source: code.source } } : build;
}

/** The package's file under the path at which the host looks for it. */
async function interpreterOf(entry: string, folders: readonly string[]): Promise<Wire | undefined> {
  const language = languageOf(entry);
  const found = language === undefined ? undefined : await findInterpreterFile(language, folders);
  if (found === undefined) return undefined;
  const base64 = (await readFile(found.path)).toString('base64');
  return { [`node_modules/${found.name}/${found.file}`]: { base64 } };
}
