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
const Module = require('module');
const path = require('path');
const vm = require('vm');

const OLDEST_NODE = 18;
const FOLDER = path.join(__dirname, 'node');
const parts = new Map();

const { replaceCluster } = part('./cluster.cjs');
const { StartError, reportFailures } = part('./failure.cjs');
const { Report } = part('./report.cjs');
const { checkResponses } = part('./responses.cjs');
const { takeSignals } = part('./signals.cjs');
const { Socket, replaceListen } = part('./socket.cjs');

// In the place of require() among our own files: it costs less, and no
// application finds them in require.cache.
function part(name) {
    if (!name.startsWith('./')) {
        return require(name);
    }
    if (!parts.has(name)) {
        const filename = path.join(FOLDER, name);
        const run = vm.compileFunction(fs.readFileSync(filename, 'utf8'),
                                       ['require', 'module', '__dirname'],
                                       { filename });
        parts.set(name, { exports: {} });
        run(part, parts.get(name), FOLDER);
    }
    return parts.get(name).exports;
}

function checkVersion() {
    if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
        throw new StartError(
            `Node.js ${OLDEST_NODE} or later is needed, ${process.execPath} ` +
            `is ${process.version}: name another with PoolNode.`);
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

function findStart(file) {
    return path.basename(file) === 'package.json'
        ? part('./package.cjs').readPackage(file) : [file, []];
}

function main() {
    const words = process.argv.slice(2);
    const option = (name) => words[words.indexOf(name) + 1];
    const root = process.cwd();
    const report = new Report(Number(option('--report')));
    const socket = new Socket(Number(option('--listen')), report);
    let file = path.resolve(option('--startup-file'));

    delete require.cache[__filename];
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
