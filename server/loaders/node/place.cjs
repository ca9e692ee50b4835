// SPDX-License-Identifier: Apache-2.0
//
// place.cjs - where an application asked to listen, which is all that it ever
// hears of it.

'use strict';

const net = require('net');

// The server's property that has it.
const kPlace = Symbol('apppool');

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

module.exports = { kPlace, readPlace, address };
