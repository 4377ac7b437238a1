import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { type Line, parseLines, total } from './order.ts';

type Env = { Bindings: { CURRENCY: string } };

const app = new Hono<Env>();

app.use('/api/*', cors());

app.get('/', (c) => c.text('POST a list of { name, price, count } to /api/total\n'));

app.get('/api/currency', (c) => c.json({ currency: c.env.CURRENCY }));

app.post('/api/total', async (c) => {
  let lines: readonly Line[];
  try {
    lines = parseLines(await c.req.json());
  } catch (error) {
    throw new HTTPException(400, { message: error instanceof Error ? error.message : 'Not an order' });
  }
  return c.json({ total: total(lines), currency: c.env.CURRENCY, lines: lines.length });
});

app.get('/api/lines/:name{[a-z]+}', (c) => c.json({ name: c.req.param('name') }));

app.onError((error, c) => {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  console.error(error);
  return c.json({ error: 'Something went wrong' }, 500);
});

app.notFound((c) => c.json({ error: `There is no ${c.req.path}` }, 404));

export default app;
