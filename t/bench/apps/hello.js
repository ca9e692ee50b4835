// SPDX-License-Identifier: Apache-2.0
// The benchmarks' application for Node.js: /, /big, /upload, /sleep.
// PROCESSES in the environment: so many share the port (for a peer).
'use strict';
const cluster = require('cluster');
const http = require('http');

const hello = Buffer.from('Hello, world!\n');
const big = Buffer.alloc(1 << 20, 'x');

function send(response, body) {
  response.writeHead(200, {
    'Content-Type': 'text/plain',
    'Content-Length': body.length,
  });
  response.end(body);
}

function answer(request, response) {
  if (request.url === '/big') {
    send(response, big);
  } else if (request.url === '/upload') {
    let length = 0;
    request.on('data', (piece) => { length += piece.length; });
    request.on('end', () => send(response, Buffer.from(`${length}\n`)));
  } else if (request.url === '/sleep') {
    setTimeout(send, 50, response, hello);
  } else {
    send(response, hello);
  }
}

const processes = Number(process.env.PROCESSES || 0);
if (processes && cluster.isPrimary) {
  for (let i = 0; i < processes; i++) cluster.fork();
} else {
  const server = http.createServer(answer);
  server.keepAliveTimeout = 60000;
  server.listen(process.env.PORT || 3000, '127.0.0.1');
}
