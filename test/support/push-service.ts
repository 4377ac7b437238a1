import { createECDH, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import type { Test } from 'tap';
import { openEndpoint } from './endpoint.ts';
import type { EndpointRequest, TestEndpoint } from './endpoint.ts';

interface Ece {
  encrypt(text: Buffer, options: object): Buffer;
  decrypt(text: Buffer, options: object): Buffer;
}

const require = createRequire(import.meta.url);
/** RFC 8188 and RFC 8291 by Mozilla's library; it has no types. */
export const ece: Ece = require('http_ece') as Ece;

/** A browser's end of Web Push: its subscription, and what arrives there in the clear. */
export interface TestBrowser {
  readonly endpoint: TestEndpoint;
  /** As `PushSubscription.toJSON()` gives it. */
  readonly subscription: object;
  open(request: EndpointRequest): Record<string, unknown>;
}

/** A push service with one browser, on a free port. */
export async function openBrowser(
  t: Pick<Test, 'teardown'>,
  keys: { readonly privateKey?: string; readonly auth?: string } = {},
): Promise<TestBrowser> {
  const endpoint = await openEndpoint(t, () => 201);
  const ecdh = createECDH('prime256v1');
  if (keys.privateKey === undefined) ecdh.generateKeys();
  else ecdh.setPrivateKey(keys.privateKey, 'base64url');
  const auth = keys.auth ?? randomBytes(16).toString('base64url');
  return {
    endpoint,
    subscription: {
      endpoint: `${endpoint.url}/push/abc`,
      expirationTime: null,
      keys: { p256dh: ecdh.getPublicKey('base64url'), auth },
    },
    open: ({ body }) =>
      JSON.parse(
        ece.decrypt(body, { version: 'aes128gcm', privateKey: ecdh, authSecret: auth }).toString(),
      ) as Record<string, unknown>,
  };
}
