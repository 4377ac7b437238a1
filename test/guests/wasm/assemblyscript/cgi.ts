// A CGI program that does what the query says, and answers events.
import { answerText, operation } from './operation';
import { log, print, read, variable, write } from './wasi';

function readAll(): string {
  let text = '';
  for (let bytes = read(); bytes.byteLength > 0; bytes = read()) text += String.UTF8.decode(bytes);
  return text;
}

export function _start(): void {
  if (variable('ISLET_EVENT') == '1') {
    print('{"event":' + readAll().trim() + ',"var":"' + variable('GREETING') + '"}');
    return;
  }
  const act = variable('QUERY_STRING');
  if (act == 'act=throw') throw new Error('boom');
  print('Content-Type: text/plain\r\n\r\n');
  if (act == 'act=echo') {
    for (let bytes = read(); bytes.byteLength > 0; bytes = read()) write(1, bytes);
    return;
  }
  if (act == 'act=kv') {
    operation('["KV","put",{"key":"as"}]', String.UTF8.encode(readAll()));
    print(operation('["KV","get",{"key":"as"}]'));
    const text = answerText();
    print('\n' + (text === null ? 'nothing' : text));
    return;
  }
  log('asked for ' + variable('PATH_INFO'));
  print('Hello World!');
}
