// SPDX-License-Identifier: Apache-2.0
//
// node_loader.cjs - runs a Node.js application for the pool.
//
// What the pool expects of a loader (command line, report socket, signals) is
// in the README beside this file. Node.js 18 or later, nothing but its own
// modules.
//
// The application is started as `node FILE` would start it, CommonJS or ES
// module. The first HTTP server that it lets listen, at whatever port, host or
// path, gets the inherited socket; further ones only believe that they listen
// and follow when it is closed (localhost is two addresses). A server of
// another kind (net, https, http2) is the application's own business.
//
// Nothing of this costs anything a request: the server has the socket as if it
// had made it, and only each new connection is looked at.

'use strict';

const fs = require('fs');
const http = require('http');
const Module = require('module');
const net = require('net');
const path = require('path');
const util = require('util');

const OLDEST_NODE = 18;
const MAX_PACKET = 8000;
const BACKLOG = 511;
// httpd has checked the size of the request's header already.
const MAX_HEADER = 1024 * 1024;
// How often connections are looked at once the process is to end, and how long
// the application's own handlers of SIGTERM may take; the pool waits for 5 s.
const CLOSE_EVERY_MS = 20;
const HANDLERS_MS = 4000;

const kPlace = Symbol('apppool');

function log(text) {
    try {
        fs.writeSync(2, text);
    } catch {
        // Nobody reads it any more.
    }
}

// --- The pool ---------------------------------------------------------------

class Report {
    constructor(fd) {
        this.fd = fd;
        this.isReady = false;
        this.hasFailed = false;
    }

    ready() {
        if (!this.isReady) {
            this.isReady = true;
            this.send(Buffer.from('READY'));
        }
    }

    error(text) {
        const word = Buffer.from('ERROR ');
        const bytes = Buffer.from(text);

        this.hasFailed = true;
        for (let at = 0; at < bytes.length; at += MAX_PACKET - word.length) {
            const end = at + MAX_PACKET - word.length;
            this.send(Buffer.concat([word, bytes.subarray(at, end)]));
        }
    }

    send(packet) {
        try {
            fs.writeSync(this.fd, packet);
        } catch (error) {
            log(`node_loader: no pool to report to (${error.message})\n`);
        }
    }

    // Node has no way of its own to watch a SOCK_SEQPACKET socket. Without the
    // binding the kernel's signal at the end of the pool has to do.
    onHangUp(callback) {
        const binding = pipeBinding();

        if (binding === null) {
            return;
        }
        const handle = new binding.Pipe(binding.constants.SOCKET);
        if (handle.open(this.fd) < 0) {
            return;
        }
        new net.Socket({ handle, readable: true, writable: false })
            .on('error', callback).on('end', callback).resume().unref();
    }
}

// Handles of sockets, below what `net` offers; null where they are gone.
function pipeBinding() {
    try {
        return process.binding('pipe_wrap');
    } catch {
        return null;
    }
}

// --- The inherited socket ----------------------------------------------------

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

const connections = new Set();

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

// What the application asked for: it may print it, or open it in a browser.
function address() {
    return this._handle ? this[kPlace].path ?? this[kPlace] : null;
}

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

const plainListen = net.Server.prototype.listen;

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

// Node leaves a client waiting for what a Content-Length promised and the body
// did not have, and for a response after one with status 1xx. Such a response is
// seen to be cut instead.
function checkResponses() {
    const { end, write } = http.ServerResponse.prototype;
    const kWritten = Symbol('bytes written');
    const cut = (response, why) => {
        log(`node_loader: the response ${why}\n`);
        response.socket?.destroySoon();
    };
    const claimed = (response) => response.headersSent
        ? response._contentLength : response.getHeader('content-length');
    const size = (chunk, encoding) => typeof chunk === 'string'
        ? Buffer.byteLength(chunk, encoding) : chunk?.byteLength ?? 0;

    http.ServerResponse.prototype.write = function (chunk, ...more) {
        if (claimed(this) != null) {
            this[kWritten] = (this[kWritten] ?? 0) + size(chunk, more[0]);
        }
        return write.call(this, chunk, ...more);
    };
    http.ServerResponse.prototype.end = function (...args) {
        const length = claimed(this);
        const left = length == null ? 0
            : length - (this[kWritten] ?? 0) - size(args[0], args[1]);

        end.apply(this, args);
        if (left > 0 && this._hasBody) {
            cut(this, `is ${left} bytes shorter than its Content-Length`);
        } else if (this.statusCode < 200 && this.statusCode !== 101) {
            cut(this, `has status ${this.statusCode}, which ends none`);
        }
        return this;
    };
}

// The pool has several processes where one does not do; what an application
// would have each of its workers do is done here.
function replaceCluster() {
    const cluster = require('cluster');
    const worker = Object.assign(Object.create(cluster), {
        isPrimary: false, isMaster: false, isWorker: true,
        worker: { id: 1, process, isDead: () => false, isConnected: () => true,
                  on() { return this; }, once() { return this; }, send() {} },
    });
    const load = Module._load;

    cluster.fork = () => {
        throw new Error('cluster.fork() is for servers that stand alone: the ' +
            'pool starts processes (PoolMinInstances, PoolMaxPerApp). Call ' +
            'listen() in this one.');
    };
    Module._load = function (request, ...more) {
        return request === 'cluster' || request === 'node:cluster'
            ? worker : load.call(this, request, ...more);
    };
}

// --- The end ------------------------------------------------------------------

// Closes what is idle until nothing is left, then ends the process. Servers are
// closed by the application's own handlers where it has some.
function end(socket) {
    const handlers = process.listenerCount('SIGTERM') > 1;
    const servers = [...socket.servers];
    const deadline = Date.now() + HANDLERS_MS;

    if (socket.stopping) {
        // Said anew by a handler that is through and has removed itself.
        return handlers ? undefined : process.exit(0);
    }
    socket.stopping = true;
    const look = () => {
        servers.forEach((server) => server.closeIdleConnections?.());
        // Node takes one that has had no request yet for busy.
        connections.forEach((c) => c.bytesRead === 0 && c.destroy());
        if (connections.size === 0 && (!handlers || Date.now() > deadline)) {
            process.exit(0);
        }
    };
    const timer = setInterval(look, CLOSE_EVERY_MS);
    setImmediate(look);
    if (handlers) {
        timer.unref();      // nothing but this is left: it ends by itself
    } else {
        servers.forEach((server) => server.close());
    }
}

// Asynchronous code has no stack while it waits: what it waits for is told.
function showState() {
    const lines = [`node_loader: state of process ${process.pid}`];

    for (const connection of connections) {
        const request = connection._httpMessage?.req;
        if (request) {
            lines.push(`  working on ${request.method} ${request.url}`);
        }
    }
    const waits = process.getActiveResourcesInfo?.() ?? [];
    lines.push(`  waits for: ${waits.join(', ') || 'nothing'}`);
    lines.push(new Error('the event loop is here').stack);
    log(lines.join('\n') + '\n');
}

function takeSignals(socket) {
    process.on('SIGTERM', () => end(socket));
    process.on('SIGABRT', showState);
    process.on('SIGINT', () => {});
    process.on('SIGHUP', () => {});
}

// --- Starting the application ---------------------------------------------------

class StartError extends Error {}

// The words of `"start": "A=1 node -r x server.js --fast"`.
function splitWords(text) {
    return (text.match(/"[^"]*"|'[^']*'|\S+/g) ?? [])
        .map((word) => word.replace(/^(["'])(.*)\1$/, '$2'));
}

function takeAssignments(words) {
    while (/^[A-Za-z_]\w*=/.test(words[0] ?? '')) {
        const [name, ...value] = words.shift().split('=');
        process.env[name] ??= value.join('=');
    }
}

// [file, arguments], or null where the script is none that Node itself runs.
function readStart(root, text) {
    const words = splitWords(text);

    takeAssignments(words);
    if (/[;&|<>$`]/.test(text) || words.length === 0) {
        return null;
    }
    const program = words.shift();
    if (program !== 'node') {
        return findTool(root, program, words);
    }
    while (words[0] === '-r' || words[0] === '--require') {
        preload(root, words[1]);
        words.splice(0, 2);
    }
    return words.length > 0 && !words[0].startsWith('-')
        ? [path.resolve(root, words.shift()), words] : null;
}

function preload(root, name) {
    Module.createRequire(path.join(root, 'package.json'))(name);
}

// A package's own command, like `next start`, where it is a script of Node's.
function findTool(root, name, words) {
    try {
        const file = fs.realpathSync(
            path.join(root, 'node_modules', '.bin', name));
        const line = fs.readFileSync(file, 'latin1').split('\n', 1)[0];
        return /^#!.*\bnode\b/.test(line) ? [file, words] : null;
    } catch {
        return null;
    }
}

// What package.json calls the application: scripts.start, else main.
function readPackage(file) {
    const root = path.dirname(file);
    let found;

    try {
        found = JSON.parse(fs.readFileSync(file, 'utf8'));
    } catch (error) {
        throw new StartError(`${file} is no JSON: ${error.message}`);
    }
    const start = found.scripts?.start
        ? readStart(root, found.scripts.start) : null;
    const main = path.resolve(root, found.main ?? 'index.js');
    if (start !== null) {
        return start;
    }
    for (const name of [main, `${main}.js`, path.join(main, 'index.js')]) {
        if (fs.statSync(name, { throwIfNoEntry: false })?.isFile()) {
            return [name, []];
        }
    }
    throw new StartError(
        `${file} tells no file to start: its scripts.start is not "node ` +
        'FILE", and there is no file that its main names.\nName the file ' +
        'with PoolStartupFile, or run the script itself with PoolAppCommand.');
}

function findStart(file) {
    return path.basename(file) === 'package.json' ? readPackage(file)
                                                  : [file, []];
}

function hint(error, root) {
    const text = String(error?.message ?? '');
    const missing = /Cannot find (?:module|package) '([^'./][^']*)'/.exec(text);

    if (missing) {
        const known = fs.existsSync(path.join(root, 'package.json'));
        const name = missing[1].split('/').slice(
            0, missing[1].startsWith('@') ? 2 : 1).join('/');
        return `The package ${name} is not installed for this application. ` +
            `In ${root} run: npm install${known ? '' : ` ${name}`}`;
    }
    if (/import statement outside a module|Unexpected token 'export'/.test(text)) {
        return 'This is an ES module: say "type": "module" in package.json, ' +
            'or call the file .mjs (PoolStartupFile).';
    }
    if (error?.code === 'ERR_REQUIRE_ESM') {
        return 'An ES module cannot be loaded with require(): use import.';
    }
    return '';
}

// What an admin needs first, then all we know.
function explain(error, file, root) {
    const trace = error instanceof Error ? error.stack : util.inspect(error);
    const own = /^ +at .*(?:node_loader\.cjs|node:internal).*\n?/gm;

    if (error instanceof StartError) {
        return error.message;
    }
    return [`${file} could not be loaded.`, hint(error, root),
            String(trace).replace(own, '')].filter(Boolean).join('\n');
}

function reportFailures(report, file, root) {
    process.on('uncaughtExceptionMonitor', (error) => {
        if (!report.isReady && !report.hasFailed) {
            report.error(explain(error, file(), root));
        }
    });
    process.on('exit', (code) => {
        if (!report.isReady && !report.hasFailed) {
            report.error(`${file()} ended (exit code ${code}) without letting ` +
                         'an HTTP server listen: http.createServer(...)' +
                         '.listen(...) is what makes an application.\n');
            process.exitCode = 1;
        }
    });
}

function checkVersion() {
    if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
        throw new StartError(
            `Node.js ${OLDEST_NODE} or later is needed, ${process.execPath} is ` +
            `${process.version}: name another with PoolNode.`);
    }
}

function setTitle(root) {
    try {
        fs.writeFileSync('/proc/self/comm',
                         `node: ${path.basename(root)}`.slice(0, 15));
    } catch {
        // Its usual name will do.
    }
}

function main() {
    const words = process.argv.slice(2);
    const option = (name) => words[words.indexOf(name) + 1];
    const root = process.cwd();
    const report = new Report(Number(option('--report')));
    const socket = new Socket(Number(option('--listen')), report);
    let file = path.resolve(option('--startup-file'));

    reportFailures(report, () => file, root);
    checkVersion();
    setTitle(root);
    takeSignals(socket);
    report.onHangUp(() => process.kill(process.pid, 'SIGTERM'));
    replaceListen(socket);
    replaceCluster();
    checkResponses();
    const [start, args] = findStart(file);
    file = start;
    process.argv.splice(1, process.argv.length, file, ...args);
    Module.runMain();
}

main();
