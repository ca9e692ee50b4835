// SPDX-License-Identifier: Apache-2.0
//
// signals.cjs - the signals of the pool, and the end of the process.

'use strict';

const { connections } = require('./connections.cjs');
const { log } = require('./report.cjs');

// How often connections are looked at once the process is to end, and how long
// the application's own handlers of SIGTERM may take; the pool waits for 5 s.
const CLOSE_EVERY_MS = 20;
const HANDLERS_MS = 4000;

// Closes what is idle until nothing is left, then ends the process. Servers are
// closed by the application's own handlers where it has some.
function end(socket) {
    const handlers = process.listenerCount('SIGTERM') > 1;
    const servers = [...socket.servers];
    const deadline = handlers ? Date.now() + HANDLERS_MS : 0;

    if (socket.stopping) {
        // Said anew by a handler that is through and has removed itself.
        return handlers ? undefined : process.exit(0);
    }
    socket.stopping = true;
    const look = () => closeIdle(servers, deadline);
    const timer = setInterval(look, CLOSE_EVERY_MS);
    setImmediate(look);
    if (handlers) {
        timer.unref();      // nothing but this is left: it ends by itself
    } else {
        servers.forEach((server) => server.close());
    }
}

// Ends the process once nothing is left, not before the deadline.
function closeIdle(servers, deadline) {
    servers.forEach((server) => server.closeIdleConnections?.());
    // Node takes one that has had no request yet for busy.
    connections.forEach((c) => c.bytesRead === 0 && c.destroy());
    if (connections.size === 0 && Date.now() > deadline) {
        process.exit(0);
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

module.exports = { takeSignals };
