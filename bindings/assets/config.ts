/** An assets binding has no settings: it reaches the files of its own version. Throws TypeError for any. */
export function parseAssetsConfig(config: unknown): Readonly<Record<string, never>> {
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new TypeError(`An assets binding is ${typeof config}; use { "kind": "assets" }`);
  const [unknown] = Object.keys(config);
  if (unknown === undefined) return {};
  throw new TypeError(
    `An assets binding has an unknown key ${JSON.stringify(unknown)}; it has no settings, the manifest's "assets" has them`,
  );
}
