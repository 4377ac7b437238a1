import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/** A server that speaks as much of OpenAI's and Anthropic's protocols as their clients need to be told apart from broken ones. */
export async function openAiService(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => answer(request, response, Buffer.concat(pieces).toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const words = ['Hel', 'lo ', 'there'];

function answer({ url = '', headers }: IncomingMessage, response: ServerResponse, body: string): void {
  const wants = body.includes('"stream":true');
  const json = (value: unknown, status = 200): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  const events = (rows: readonly (readonly [string | undefined, unknown])[]): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [name, data] of rows) {
      const head = name === undefined ? '' : `event: ${name}\n`;
      response.write(`${head}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
    }
    response.end();
  };
  if (url === '/openai/v1/chat/completions') {
    if (headers.authorization !== 'Bearer key') return json({ error: { message: 'no key' } }, 401);
    const choice = (content: string): object => ({
      id: '1',
      choices: [{ index: 0, delta: { content }, message: { role: 'assistant', content } }],
    });
    return wants
      ? events([...words.map((word) => [undefined, choice(word)] as const), [undefined, '[DONE]']])
      : json(choice(words.join('')));
  }
  if (url === '/openai/v1/files') {
    const file = /filename="([^"]+)"\r\nContent-Type: ([^\r]+)\r\n\r\n(\w+)/i.exec(body);
    return json({ id: 'f', filename: file?.[1], type: file?.[2], content: file?.[3] });
  }
  if (url === '/anthropic/v1/messages') {
    // Older clients send the key in a header of its own.
    if (headers.authorization !== 'Bearer key' && headers['x-api-key'] !== 'key')
      return json({ error: { type: 'authentication_error' } }, 401);
    const message = { id: 'm', type: 'message', role: 'assistant', model: 'c', stop_reason: null };
    const usage = { input_tokens: 1, output_tokens: 3 };
    if (!wants) return json({ ...message, content: [{ type: 'text', text: words.join('') }], usage });
    return events([
      ['message_start', { type: 'message_start', message: { ...message, content: [], usage } }],
      [
        'content_block_start',
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      ],
      ...words.map(
        (text) =>
          [
            'content_block_delta',
            { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
          ] as const,
      ),
      ['content_block_stop', { type: 'content_block_stop', index: 0 }],
      [
        'message_delta',
        { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } },
      ],
      ['message_stop', { type: 'message_stop' }],
    ]);
  }
  return json({ error: { message: 'no such model', code: 'model_not_found' } }, 404);
}
