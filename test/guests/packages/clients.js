// The clients of OpenAI and Anthropic, as published, against a server at `base`; the same in Node and in a function.
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

export async function run(base) {
  const openai = new OpenAI({ apiKey: 'key', baseURL: `${base}/openai/v1`, maxRetries: 1 });
  const anthropic = new Anthropic({ apiKey: 'key', baseURL: `${base}/anthropic`, maxRetries: 1 });
  const chat = await openai.chat.completions.create({
    model: 'm',
    messages: [{ role: 'user', content: 'hi' }],
  });
  const pieces = [];
  const stream = await openai.chat.completions.create({
    model: 'm',
    stream: true,
    messages: [{ role: 'user', content: 'hi' }],
  });
  for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta?.content ?? '');
  const file = await openai.files.create({
    purpose: 'assistants',
    file: new File(['content'], 'a.txt', { type: 'text/plain' }),
  });
  const wrong = await openai.models
    .retrieve('missing')
    .catch((error) => [error instanceof OpenAI.NotFoundError, error.status, error.code]);
  const message = await anthropic.messages.create({
    model: 'c',
    max_tokens: 9,
    messages: [{ role: 'user', content: 'hi' }],
  });
  const parts = [];
  const events = anthropic.messages.stream({
    model: 'c',
    max_tokens: 9,
    messages: [{ role: 'user', content: 'hi' }],
  });
  events.on('text', (text) => parts.push(text));
  const last = await events.finalMessage();
  return {
    openai: [chat.choices[0].message.content, pieces, file, wrong],
    anthropic: [message.content, parts, last.content, last.usage],
  };
}

export default {
  async fetch(request) {
    return Response.json(await run(new URL(request.url).searchParams.get('base')));
  },
};
