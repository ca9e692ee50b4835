// SPDX-License-Identifier: Apache-2.0
//
// cluster.cjs - has an application of several workers run here as one of them.

'use strict';

const Module = require('module');

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

module.exports = { replaceCluster };
