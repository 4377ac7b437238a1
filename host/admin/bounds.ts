/** Of a deployment's JSON; base64 makes a third more of binary files. */
export const deploymentBytes: number = 64 * 2 ** 20;

/** Of an event: AWS's bound for a synchronous call, kept for every door here. */
export const eventBytes: number = 6 * 2 ** 20;

/** Of a KV value: Workers KV's. */
export const valueBytes: number = 25 * 2 ** 20;

/** Of a static file. */
export const assetBytes: number = 25 * 2 ** 20;
