// Queries: a SQL builder, GraphQL over HTTP, and tRPC's fetch adapter; the same in Node and in a function.
import { initTRPC, TRPCError } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { and, desc, eq, gt, like, sql } from 'drizzle-orm';
import { integer, pgTable, QueryBuilder as PgBuilder, text, timestamp } from 'drizzle-orm/pg-core';
import { QueryBuilder as SqliteBuilder, sqliteTable, text as sqliteText } from 'drizzle-orm/sqlite-core';
import { createSchema, createYoga } from 'graphql-yoga';
import { z } from 'zod';

const users = pgTable('users', {
  id: integer('id').primaryKey(),
  name: text('name').notNull(),
  at: timestamp('at').defaultNow(),
});
const notes = sqliteTable('notes', { id: sqliteText('id').primaryKey(), body: sqliteText('body') });

function sqlTexts() {
  const pg = new PgBuilder();
  const recent = pg
    .select({ id: users.id, upper: sql`upper(${users.name})`.as('upper') })
    .from(users)
    .where(and(gt(users.id, 10), like(users.name, 'a%')))
    .orderBy(desc(users.at))
    .limit(5);
  const note = new SqliteBuilder().select().from(notes).where(eq(notes.id, 'x'));
  return [recent.toSQL(), note.toSQL()];
}

const yoga = createYoga({
  schema: createSchema({
    typeDefs: /* GraphQL */ `
      type Query {
        hello(name: String = "world"): String!
        fails: Int
      }
      type Mutation {
        add(a: Int!, b: Int!): Int!
      }
      type Subscription {
        count(to: Int!): Int!
      }
    `,
    resolvers: {
      Query: {
        hello: (_, { name }) => `hello ${name}`,
        fails: () => {
          throw new Error('secret detail');
        },
      },
      Mutation: { add: (_, { a, b }) => a + b },
      Subscription: {
        count: {
          async *subscribe(_, { to }) {
            for (let i = 1; i <= to; i++) yield { count: i };
          },
        },
      },
    },
  }),
  logging: false,
  graphqlEndpoint: '/graphql',
});

const trpc = initTRPC.create();
const router = trpc.router({
  greet: trpc.procedure.input(z.object({ name: z.string() })).query(({ input }) => `hi ${input.name}`),
  save: trpc.procedure.input(z.number()).mutation(({ input }) => ({ saved: input })),
  fails: trpc.procedure.query(() => {
    throw new TRPCError({ code: 'FORBIDDEN', message: 'not you' });
  }),
});

export const handle = (request) =>
  new URL(request.url).pathname.endsWith('/graphql')
    ? yoga.fetch(request)
    : fetchRequestHandler({ endpoint: '/trpc', req: request, router, createContext: () => ({}) });

const posted = (body, accept = 'application/json') => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json', accept },
});

async function ask(path, init) {
  const response = await handle(new Request(`http://guest${path}`, init));
  const body = await response.text();
  return [
    response.status,
    response.headers.get('content-type'),
    body.replaceAll(/"stack":"(?:[^"\\]|\\.)*",?/g, ''),
  ];
}

export async function run() {
  const input = encodeURIComponent(JSON.stringify({ 0: { name: 'ada' } }));
  return {
    sql: sqlTexts(),
    graphql: [
      await ask('/graphql', posted({ query: '{ hello again: hello(name: "you") }' })),
      await ask(
        '/graphql',
        posted({ query: 'mutation ($a: Int!) { add(a: $a, b: 2) }', variables: { a: 40 } }),
      ),
      await ask('/graphql', posted({ query: '{ fails }' })),
      await ask('/graphql', posted({ query: '{ nothing }' })),
      await ask('/graphql', posted({ query: 'subscription { count(to: 3) }' }, 'text/event-stream')),
    ],
    trpc: [
      await ask(`/trpc/greet?batch=1&input=${input}`),
      await ask('/trpc/save', posted(7)),
      await ask('/trpc/fails'),
      await ask('/trpc/greet?input=%7B%7D'),
    ],
  };
}

export default {
  fetch: async (request) =>
    new URL(request.url).pathname === '/' ? Response.json(await run()) : handle(request),
};
