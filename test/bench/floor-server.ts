/**
 * The minimum of a server on Node, in its own process: a bare `node:http` server that reads the body of a POST and
 * answers 202, or answers a GET with bytes that were compressed beforehand. It receives these bytes in a message, and
 * answers with its port.
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let page = Buffer.alloc(0);

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'content-encoding': 'gzip',
      'content-length': page.length,
    });
    response.end(page);
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const isRead = Buffer.concat(chunks).length > 0;
    response.writeHead(isRead ? 202 : 400, { 'content-type': 'application/json', 'content-length': 19 });
    response.end('{"result":"stored"}');
  });
});

server.listen(0, '127.0.0.1', () => {
  process.on('message', (order: 'probe' | { readonly page: string }) => {
    if (order === 'probe') return;
    page = Buffer.from(order.page, 'base64');
    process.send?.((server.address() as AddressInfo).port);
  });
});
