// A CGI program in AssemblyScript: the request in the environment, the response on stdout.
import { log, print, variable } from './wasi';

export function _start(): void {
  const path = variable('PATH_INFO');
  log('asked for ' + path);
  if (path != '/' && path != '') {
    print('Status: 404\r\nContent-Type: text/plain\r\n\r\nThere is nothing at ' + path + '\n');
    return;
  }
  print('Content-Type: text/plain\r\n\r\nHello from AssemblyScript!\n');
}
