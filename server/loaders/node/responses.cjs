// SPDX-License-Identifier: Apache-2.0
//
// responses.cjs - cuts off a response that would have no end.
//
// Node leaves a client waiting for what a Content-Length promised and the body
// did not have, and for a response after one with status 1xx.

'use strict';

const http = require('http');

const { log } = require('./report.cjs');

const { end, write } = http.ServerResponse.prototype;
const kWritten = Symbol('bytes written');

function claimedLength(response) {
    return response.headersSent ? response._contentLength
                                : response.getHeader('content-length');
}

function sizeOf(chunk, encoding) {
    return typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding)
                                     : chunk?.byteLength ?? 0;
}

function cut(response, why) {
    log(`node_loader: the response ${why}\n`);
    response.socket?.destroySoon();
}

function countAndWrite(chunk, ...more) {
    if (claimedLength(this) != null) {
        this[kWritten] = (this[kWritten] ?? 0) + sizeOf(chunk, more[0]);
    }
    return write.call(this, chunk, ...more);
}

function endOrCut(...args) {
    const length = claimedLength(this);
    const left = length == null ? 0
        : length - (this[kWritten] ?? 0) - sizeOf(args[0], args[1]);

    end.apply(this, args);
    if (left > 0 && this._hasBody) {
        cut(this, `is ${left} bytes shorter than its Content-Length`);
    } else if (this.statusCode < 200 && this.statusCode !== 101) {
        cut(this, `has status ${this.statusCode}, which ends none`);
    }
    return this;
}

function checkResponses() {
    http.ServerResponse.prototype.write = countAndWrite;
    http.ServerResponse.prototype.end = endOrCut;
}

module.exports = { checkResponses };
