// SPDX-License-Identifier: Apache-2.0
//
// failure.cjs - tells the pool why the application could not be loaded.

'use strict';

const fs = require('fs');
const path = require('path');
const util = require('util');

// What the pool is told as it is: the text is for the admin.
class StartError extends Error {}

// Those of our files and of Node's, which help nobody.
const loaders = path.dirname(__dirname).replace(/[^\w/]/g, '\\$&');
const OWN_FRAMES = new RegExp(`^ +at .*(?:${loaders}/|node:internal).*\\n?`,
                              'gm');

// What to do about it, as far as names can tell; '' where they cannot.
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
    if (/import statement outside a module|Unexpected token 'export'/
        .test(text)) {
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

    if (error instanceof StartError) {
        return error.message;
    }
    return [`${file} could not be loaded.`, hint(error, root),
            String(trace).replace(OWN_FRAMES, '')].filter(Boolean).join('\n');
}

function reportFailures(report, file, root) {
    process.on('uncaughtExceptionMonitor', (error) => {
        if (!report.isReady && !report.hasFailed) {
            report.error(explain(error, file(), root));
        }
    });
    process.on('exit', (code) => {
        if (!report.isReady && !report.hasFailed) {
            report.error(`${file()} ended (exit code ${code}) without ` +
                         'letting an HTTP server listen: ' +
                         'http.createServer(...).listen(...) is what makes ' +
                         'an application.\n');
            process.exitCode = 1;
        }
    });
}

module.exports = { StartError, reportFailures };
