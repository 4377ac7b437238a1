// Small libraries of many services: the same in Node and in a function.
import { addDays, differenceInCalendarDays, format, formatDistanceStrict, parseISO } from 'date-fns';
import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import { AutoRouter, error, json } from 'itty-router';
import { marked } from 'marked';
import { customAlphabet, nanoid } from 'nanoid';
import { z } from 'zod';

const Order = z.object({
  id: z.uuid(),
  mail: z.email(),
  items: z.array(z.object({ name: z.string().min(1), count: z.coerce.number().int().positive() })).nonempty(),
  at: z.iso.datetime().transform((text) => new Date(text).getTime()),
  note: z.string().optional().default('none'),
});

async function routed() {
  const router = AutoRouter({ base: '/api' });
  router
    .get('/hello/:name', ({ params, query }) => ({ ...params, ...query }))
    .post('/echo', async (request) => json(await request.json(), { status: 201 }))
    .get('/fails', () => error(418, 'teapot'));
  const ask = async (path, init) => {
    const response = await router.fetch(new Request(`http://guest/api${path}`, init));
    return [response.status, response.headers.get('content-type'), await response.text()];
  };
  return [
    await ask('/hello/ada?x=1'),
    await ask('/echo', {
      method: 'POST',
      body: '{"a":[1]}',
      headers: { 'content-type': 'application/json' },
    }),
    await ask('/fails'),
    await ask('/nowhere'),
  ];
}

export async function run() {
  const good = {
    id: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
    mail: 'ada@example.com',
    items: [{ name: 'tea', count: '2' }],
    at: '2026-01-02T03:04:05Z',
  };
  const bad = Order.safeParse({ ...good, mail: 'nobody', items: [] });
  const xml = '<shop name="a&amp;b"><item id="1">tea</item><item id="2"><![CDATA[<x>]]></item></shop>';
  const parsed = new XMLParser({ ignoreAttributes: false }).parse(xml);
  return {
    zod: [Order.parse(good), bad.error.issues.map(({ path, code }) => [path, code])],
    json: z.toJSONSchema(z.object({ a: z.string(), b: z.number().optional() })),
    dates: [
      format(addDays(parseISO('2026-02-27T10:00:00Z'), 2), 'yyyy-MM-dd'),
      differenceInCalendarDays(new Date(2026, 5, 1), new Date(2026, 4, 1)),
      formatDistanceStrict(new Date(0), new Date(3_600_000)),
    ],
    xml: [
      parsed,
      new XMLBuilder({ ignoreAttributes: false }).build(parsed),
      XMLValidator.validate('<a>').err.code,
    ],
    marked: await marked.parse(
      '# Title\n\n- *one*\n- `two`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<b>raw</b> https://x.y',
    ),
    nanoid: [/^[\w-]{21}$/.test(nanoid()), nanoid(8).length, /^[ab]{10}$/.test(customAlphabet('ab', 10)())],
    routed: await routed(),
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};
