// SPDX-License-Identifier: Apache-2.0
//
// connections.cjs - the connections of clients, as the application sees them.

'use strict';

const { kPlace, address } = require('./place.cjs');

// httpd has checked the size of the request's header already.
const MAX_HEADER = 1024 * 1024;

const connections = new Set();

// What the client of a kept connection must be able to rely on. Limits of time
// are httpd's business: its clients are the slow ones.
function prepareServer(server) {
    Object.defineProperty(server, 'keepAliveTimeout',
                          { get: () => 0, set: () => {} });
    server.headersTimeout = 0;
    server.requestTimeout = 0;
    server.maxHeaderSize ||= MAX_HEADER;
    server.prependListener('connection', prepareConnection);
    server.address = address;
}

// A Unix socket has no address, and `trust proxy: loopback` wants one.
function prepareConnection(connection) {
    Object.defineProperties(connection, {
        remoteAddress: { value: '127.0.0.1' },
        remoteFamily: { value: 'IPv4' },
        remotePort: { value: 0 },
        localAddress: { value: '127.0.0.1' },
        localPort: { value: this[kPlace].port ?? 0 },
    });
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
}

module.exports = { connections, prepareServer };
