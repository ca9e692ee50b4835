// SPDX-License-Identifier: Apache-2.0
//
// socket.cjs - the inherited socket, and how HTTP servers get it that want to
// listen.

'use strict';

const http = require('http');
const net = require('net');

const { kPlace, prepareServer, readPlace } = require('./connections.cjs');
const { pipeBinding } = require('./report.cjs');

const BACKLOG = 511;
const plainListen = net.Server.prototype.listen;

// The HTTP servers that listen, in their order; the first has the socket.
class Socket {
    constructor(fd, report) {
        this.fd = fd;
        this.report = report;
        this.servers = [];
        this.handle = null;     // the socket's own; never closed
        this.stopping = false;
    }

    listen(server) {
        const isFirst = this.servers.length === 0;

        this.servers.push(server);
        prepareServer(server);
        if (isFirst) {
            this.give(server);
        } else {
            server._handle = emptyHandle(() => this.leave(server));
            process.nextTick(() => server.emit('listening'));
        }
    }

    // To a server that has nothing yet, or believed to have something.
    give(server) {
        if (this.handle === null) {
            this.handle = this.open();
        }
        if (this.handle === null) {
            server._handle = null;
            plainListen.call(server, { fd: this.fd });
            server.once('close', () => this.leave(server));
            return;
        }
        this.handle.close = (callback) => {
            this.leave(server);
            callback?.();
        };
        this.handle.ref();
        server._handle = this.handle;
        server._listen2(null, -1, -1, BACKLOG);
    }

    open() {
        const binding = pipeBinding();

        if (binding === null || !net.Server.prototype._listen2) {
            return null;
        }
        const handle = new binding.Pipe(binding.constants.SERVER);
        return handle.open(this.fd) < 0 ? null : handle;
    }

    // The server was closed. Who had only believed to listen takes its place.
    leave(server) {
        const hadIt = this.servers[0] === server;

        this.servers = this.servers.filter((other) => other !== server);
        if (!hadIt || this.handle === null) {
            return;
        }
        this.handle.onconnection = (error, connection) => connection?.close();
        if (this.servers.length > 0 && !this.stopping) {
            const next = this.servers[0];
            this.give(next);
        } else {
            this.handle.unref();
        }
    }
}

function emptyHandle(onClose) {
    return {
        close(callback) {
            onClose();
            callback?.();
        },
        ref() {},
        unref() {},
        hasRef: () => true,
        getAsyncId: () => 0,
    };
}

function replaceListen(socket) {
    http.Server.prototype.listen = function listen(...args) {
        const callback = args[args.length - 1];

        if (this.listening) {
            return plainListen.apply(this, args);  // raises what it should
        }
        this[kPlace] = readPlace(args);
        if (typeof callback === 'function') {
            this.once('listening', callback);
        }
        args[0]?.signal?.addEventListener('abort', () => this.close());
        this.once('listening', () => socket.report.ready());
        socket.listen(this);
        return this;
    };
}

module.exports = { Socket, replaceListen };
