/**
 * A process with attackers: each of many connections sends one request to `/webhook` after the other, with a body
 * of 1 MiB. Ends when its parent ends it.
 *
 * Arguments: the port, the number of connections, and a header for each request ("-" for none).
 */

import { connect } from 'node:net';

const [port = '', connections = '', header = '-'] = process.argv.slice(2);
const bodyBytes = 1024 * 1024;
const piece = Buffer.alloc(64 * 1024, ' ');
const chunk = Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
const lines = ['POST /webhook HTTP/1.1', 'Host: localhost', ...(header === '-' ? [] : [header])];
const announced = `${[...lines, `Content-Length: ${bodyBytes}`].join('\r\n')}\r\n\r\n`;
const chunked = `${[...lines, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n`;

/** In turn: a whole body; one without its last byte; one in chunks; one in chunks without an end. */
for (let index = 0; index < Number(connections); index++) send(index);

function send(index: number): void {
  const isChunked = index % 4 >= 2;
  const isWhole = index % 2 === 0;
  const socket = connect({ port: Number(port), host: '127.0.0.1' });
  let left = bodyBytes / piece.length;
  const write = (): void => {
    while (left > 0) {
      left--;
      const isLast = left === 0;
      const bytes = isChunked ? chunk : isLast && !isWhole ? piece.subarray(1) : piece;
      const goesOn = socket.write(bytes);
      if (isLast && isChunked && isWhole) socket.write('0\r\n\r\n');
      if (!goesOn) return;
    }
  };
  socket
    .on('connect', () => {
      socket.write(isChunked ? chunked : announced);
      write();
    })
    .on('drain', write)
    .on('data', () => undefined)
    .on('error', () => undefined)
    // Without a pause, a refused connection would be opened again at once, for ever.
    .on('close', () => setTimeout(send, 20, index));
}
