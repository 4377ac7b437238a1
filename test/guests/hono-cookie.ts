import type { Context } from 'hono';
import { setCookie } from 'hono/cookie';

export function cookie(c: Context): Response {
  setCookie(c, 'one', '1');
  setCookie(c, 'two', '2', { httpOnly: true });
  return c.body(null, 204);
}
