import { HostError } from '#runtime/errors.ts';
import { bundle } from '#host/deploy/bundle.ts';
import type { BundleOptions } from '#host/deploy/bundle.ts';
import type { DeploySource } from '#host/host.ts';

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** The bundle's exports, evaluated in this process: it has no imports. */
export async function load(source: DeploySource, options?: BundleOptions): Promise<Record<string, unknown>> {
  const { code } = await bundle(source, options);
  return (await import(`data:text/javascript,${encodeURIComponent(code.source)}`)) as Record<string, unknown>;
}

/** The code with which the bundle is refused. */
export async function codeOf(source: DeploySource, options?: BundleOptions): Promise<string> {
  return (await failureOf(source, options)).code;
}

/** The error with which the bundle is refused; rejects when it is made. */
export async function failureOf(source: DeploySource, options?: BundleOptions): Promise<HostError> {
  try {
    await bundle(source, options);
  } catch (error) {
    if (error instanceof HostError) return error;
    throw error;
  }
  throw new Error('the bundle was made');
}

/** Inline source of these files. */
export function inline(files: Files, main?: string): DeploySource {
  return main === undefined ? { files } : { files, main };
}
