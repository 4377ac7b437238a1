import { Hono } from 'hono';
import { cookie } from './hono-cookie.ts';

interface Env {
  readonly Bindings: { readonly GREETING: string };
}

const app = new Hono<Env>();

app.use(async (c, next) => {
  await next();
  c.header('x-after', 'yes');
});
app.get('/', (c) => c.text(c.env.GREETING));
app.get('/users/:id', (c) => c.json({ id: c.req.param('id'), query: c.req.query() }));
app.post('/form', async (c) => c.json(await c.req.parseBody()));
app.get('/cookies', (c) => cookie(c));
app.get('/throws', () => {
  throw new Error('secret of the app');
});

export default app;
