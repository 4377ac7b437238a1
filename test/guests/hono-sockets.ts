import { Hono } from 'hono';
import { upgradeWebSocket } from 'hono/cloudflare-workers';
import { cors } from 'hono/cors';

const app = new Hono();

app.use('/open/*', cors());
app.get(
  '/open/echo',
  upgradeWebSocket((c) => ({
    onMessage(event, ws) {
      ws.send(`${c.req.query('as') ?? 'nobody'}: ${String(event.data)}`);
      if (event.data === 'bye') ws.close(4000, 'as asked');
    },
    onClose: () => console.log('closed by hono'),
  })),
);
app.get('/open/echo', (c) => c.text('no socket', 426));

export default app;
