'use strict';
// Opens N keep-alive connections, asks once on each, prints "held N" when all have their answer,
// and keeps them open until SIGTERM:  node idle.js PORT PATH N
const net = require('node:net');

const [port, path, count] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
const AT_ONCE = 64;
let opened = 0;
let answered = 0;

function open() {
  if (opened === count) return;
  opened += 1;
  const socket = net.connect(port, '127.0.0.1', () => socket.write(request));
  let seen = '';
  socket.on('data', (piece) => {
    if (seen === null) return;
    seen += piece;
    const end = seen.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(seen)[1]);
    if (seen.length < end + 4 + length) return;
    seen = null;
    answered += 1;
    if (answered === count) console.log(`held ${count}`);
    open();
  });
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed an idle connection')));
}

function fail(e) {
  console.log(`failed after ${answered}: ${e.message}`);
  process.exit(1);
}

for (let i = 0; i < AT_ONCE; i += 1) open();
process.on('SIGTERM', () => process.exit(0));
