// SPDX-License-Identifier: Apache-2.0
//
// package.cjs - what package.json calls the application.

'use strict';

const fs = require('fs');
const Module = require('module');
const path = require('path');

const { StartError } = require('./failure.cjs');

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

// [file, arguments]: scripts.start, else main.
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

module.exports = { readPackage };
