// SPDX-License-Identifier: Apache-2.0
//
// connections.cjs - HTTP servers and the connections of their clients, as the
// application sees them: at the place where it asked to listen.

'use strict';

const net = require('net');

// httpd has checked the size of the request's header already.
const MAX_HEADER = 1024 * 1024;
// A server's property: where the application wanted it.
const kPlace = Symbol('apppool');

const connections = new Set();

// The many forms of arguments of server.listen().
function readPlace(args) {
    const first = args[0] ?? 0;
    const options = typeof first === 'object' ? first : {};
    const asked = typeof first === 'object' ? first.port : first;
    const host = options.host ?? (typeof args[1] === 'string' ? args[1] : '::');
    const name = options.path ??
        (typeof asked === 'string' && !/^\d+$/.test(asked) ? asked : undefined);
    const port = name === undefined ? Number(asked) || 0 : undefined;

    return name !== undefined
        ? { path: name }
        : { address: host, family: net.isIPv4(host) ? 'IPv4' : 'IPv6', port };
}

// What the application asked for: it may print it, or open it in a browser.
function address() {
    return this._handle ? this[kPlace].path ?? this[kPlace] : null;
}

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

module.exports = { connections, kPlace, prepareServer, readPlace };
