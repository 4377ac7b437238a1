import { Agent, request } from 'node:http';
import type { BenchRun } from './bench-run.ts';
import { helloSource } from './guests.ts';
import { median } from './histogram.ts';
import type { AuthReport, AuthRow } from './report.ts';

interface Client {
  send(path: string, options?: SendOptions): Promise<Sent>;
  close(): void;
}

interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Sent {
  readonly status: number;
  readonly text: string;
  readonly cookies: readonly string[];
  readonly micros: number;
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/**
 * Five kinds of requests take turns, so that all see the same machine: nobody is asked, an access token that was seen
 * before, one that the host has just issued, one that it does not know (it was started again since: a signature is
 * verified), a session cookie.
 */
export async function measureAuth(run: BenchRun): Promise<AuthReport> {
  const { program, port, dir } = await run.islet();
  const bindings = { AUTH: { kind: 'auth', verifyEmail: false, perMinute: 100_000 } };
  const routes = [{ pattern: '/checked', auth: 'required' }];
  await program.call('deploy', [
    { name: 'hello', source: helloSource, manifest: { bindings, routes, limits: { cpuMs: 5000 } } },
  ]);
  let client = openClient(port);
  try {
    const user = { email: 'user@example.com', password: 'correct horse', name: 'User' };
    const json = { 'content-type': 'application/json', origin: `http://127.0.0.1:${port}` };
    const post = async (path: string, body: object, headers: object = {}): Promise<Sent> => {
      const sent = await client.send(path, { headers: { ...json, ...headers }, body: JSON.stringify(body) });
      if (sent.status !== 200) throw new Error(`${path} answers with ${sent.status}: ${sent.text}`);
      return sent;
    };
    const signedUp = await post('/hello/auth/sign-up/email', user);
    const cookie = signedUp.cookies.map((each) => each.split(';', 1)[0] ?? '').join('; ');
    const { email, password } = user;
    const first = await post('/hello/auth/sign-in/email', { email, password }, { 'x-auth-tokens': '1' });
    const tokens: string[] = [];
    const count = Math.min(2000, run.scale.operations);
    let held = JSON.parse(first.text) as Tokens;
    const issue = async (): Promise<string> => {
      const body = { grant_type: 'refresh_token', refresh_token: held.refresh_token };
      held = JSON.parse((await post('/hello/auth/token', body)).text) as Tokens;
      return held.access_token;
    };
    while (tokens.length < count) tokens.push(await issue());
    client.close();
    await program.call('close');
    const again = await program.call<{ port: number }>('open', { cells: 1, dir });
    client = openClient(again.port);
    run.progress(`auth: ${count} rounds`);
    const times: Record<'open' | 'known' | 'issued' | 'first' | 'cookie', number[]> = {
      open: [],
      known: [],
      issued: [],
      first: [],
      cookie: [],
    };
    const bearer = (token: string | undefined): SendOptions => ({
      headers: { authorization: `Bearer ${token ?? ''}` },
    });
    for (const [i, token] of tokens.entries()) {
      const known = tokens[Math.max(0, i - 1)];
      const issued = await issue();
      // What issuing leaves cold is not the next one's to warm.
      await timed(client, '/hello/', bearer(known));
      times.open.push(await timed(client, '/hello/', bearer(known)));
      times.known.push(await timed(client, '/hello/checked', bearer(i === 0 ? token : known)));
      times.issued.push(await timed(client, '/hello/checked', bearer(issued)));
      times.first.push(await timed(client, '/hello/checked', bearer(token)));
      times.cookie.push(await timed(client, '/hello/checked', { headers: { cookie } }));
    }
    const open = median(times.open);
    const row = (what: string, micros: readonly number[]): AuthRow => {
      const p50 = median(micros);
      return { what, p50, overOpen: p50 - open };
    };
    return {
      rows: [
        row('nobody is asked', times.open),
        row('a token seen before', times.known),
        row('a token issued just now', times.issued),
        row('a token it does not know', times.first),
        row('a session cookie', times.cookie),
      ],
    };
  } finally {
    client.close();
    await run.stop(program);
  }
}

async function timed(client: Client, path: string, options: SendOptions): Promise<number> {
  const { status, micros, text } = await client.send(path, options);
  if (status !== 200) throw new Error(`${path} answers with ${status}: ${text}`);
  return micros;
}

/** One keep-alive connection. */
function openClient(port: number): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    send: async (path, { headers = {}, body } = {}) =>
      await new Promise<Sent>((resolve, reject) => {
        const method = body === undefined ? 'GET' : 'POST';
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
        const from = performance.now();
        const sent = request(
          { host: '127.0.0.1', port, path, method, agent, headers: { ...headers, ...length } },
          (answer) => {
            const pieces: Buffer[] = [];
            answer.on('data', (piece: Buffer) => pieces.push(piece));
            answer.on('error', reject);
            answer.on('end', () => {
              const micros = (performance.now() - from) * 1000;
              const cookies = answer.headers['set-cookie'] ?? [];
              resolve({
                status: answer.statusCode ?? 0,
                text: Buffer.concat(pieces).toString(),
                cookies,
                micros,
              });
            });
          },
        );
        sent.on('error', reject);
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}
