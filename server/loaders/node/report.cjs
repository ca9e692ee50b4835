// SPDX-License-Identifier: Apache-2.0
//
// report.cjs - the log, and the socket over which the pool hears how the start
// went, and by which each of the two sees the other's end.

'use strict';

const fs = require('fs');
const net = require('net');

const MAX_PACKET = 8000;    // README

function log(text) {
    try {
        fs.writeSync(2, text);
    } catch {
        // Nobody reads it any more.
    }
}

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

module.exports = { Report, log, pipeBinding };
