// SPDX-License-Identifier: Apache-2.0
//
// The Node.js application that most tests ask: the first segment of its path
// that is an action's name says what to do, see ../README.

'use strict';

const { spawn } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { setTimeout: sleepMs } = require('timers/promises');

const PIECE = 65536;
const PLAIN = ['Content-Type', 'text/plain'];
const BINARY = ['Content-Type', 'application/octet-stream'];

// -- what came ------------------------------------------------------------------

const actions = (request, response) =>
    asJson(response, Object.keys(NAMES).sort());

function env(request, response) {
    const [target, query] = split(request.url);
    const forwarded = (name) => request.headers[`x-forwarded-${name}`];
    const found = {
        REQUEST_METHOD: request.method, REQUEST_URI: request.url,
        PATH_INFO: target, QUERY_STRING: query,
        SERVER_PROTOCOL: `HTTP/${request.httpVersion}`,
        REQUEST_SCHEME: forwarded('proto'),
        HTTPS: forwarded('proto') === 'https' ? 'on' : 'off',
        REMOTE_ADDR: forwarded('for').split(',').pop().trim(),
        SERVER_NAME: request.headers.host.replace(/:\d+$/, ''),
        SERVER_PORT: forwarded('port'),
    };
    for (const [name, value] of Object.entries(request.headers)) {
        const upper = name.toUpperCase().replaceAll('-', '_');
        found[/^CONTENT_(TYPE|LENGTH)$/.test(upper) ? upper
            : `HTTP_${upper}`] = String(value);
    }
    return asJson(response, found);
}

async function echo(request, response) {
    return plain(response, await bodyOf(request));
}

async function bodyOf(request) {
    const pieces = [];
    for await (const piece of request) {
        pieces.push(piece);
    }
    return Buffer.concat(pieces);
}

async function lengthOf(request) {
    let length = 0;
    for await (const piece of request) {
        length += piece.length;
    }
    return length;
}

async function digest(request, response) {
    const hash = crypto.createHash('sha256');
    let length = 0;
    for await (const piece of request) {
        length += piece.length;
        hash.update(piece);
    }
    return asJson(response, {
        length, sha256: hash.digest('hex'), past_the_end: '',
        content_length: request.headers['content-length'] ?? null });
}

async function relay(request, response) {
    response.writeHead(200, BINARY);
    for await (const piece of request) {
        await write(response, piece);
    }
    response.end();
}

async function early(request, response, count) {
    response.writeHead(200, PLAIN);
    await writeXs(response, Number(count));
    response.end(`\nread ${await lengthOf(request)}`);
}

async function part(request, response, count) {
    let left = Number(count);
    while (left > 0) {
        const there = Math.min(left, request.readableLength);
        if (there > 0) {    // asked for more, read() would wait for all of it
            left -= request.read(there)?.length ?? 0;
        } else {
            await new Promise((resolve) => request.once('readable', resolve));
        }
    }
    return plain(response, `part ${count}`);
}

async function mark(request, response, name) {
    const length = await lengthOf(request);
    fs.writeFileSync(name, String(length));
    return plain(response, 'marked');
}

function line(request, response, text) {
    fs.appendFileSync('lines', `${text}\n`);
    return plain(response, 'noted');
}

const ignore = (request, response) => plain(response, 'ignored');

// -- headers -------------------------------------------------------------------------

function writeStatus(response, text, headers) {
    const [, code, reason] = /^(\S+) ?(.*)$/.exec(text);
    response.writeHead(Number(code), reason, headers);
}

function status(request, response, text) {
    const bodyless = /^(204|304)/.test(text);
    writeStatus(response, text, bodyless ? [] : PLAIN);
    response.end(bodyless ? undefined : 'own body\n');
}

function bodyful(request, response, text) {
    writeStatus(response, text,
                [...PLAIN, 'Content-Length', '9', 'ETag', '"x"']);
    response.end('forbidden');
}

function reply(request, response, code, headers, body) {
    const fields = ofHex(headers).toString('latin1').split('\x1e');
    response.writeHead(Number(code), 'Reply', fields.filter(Boolean).flatMap(
        (field) => field.split('\x1f')));
    response.end(ofHex(body));
}

const ofHex = (text) => Buffer.from(text === '-' ? '' : text, 'hex');

function headers(request, response) {
    response.writeHead(200, [
        ...PLAIN, 'Set-Cookie', 'a=1; Path=/', 'Set-Cookie', 'b=2, still b',
        'Link', '</a>; rel=preload', 'Link', '</b>; rel=preload',
        'X-Bytes', 'caf\xe9', 'Date', 'Thu, 01 Jan 1970 00:00:00 GMT']);
    response.end('ok');
}

function location(request, response, text) {
    writeStatus(response, text, ['Location', '/env/elsewhere', ...PLAIN]);
    response.end('look there');
}

function many(request, response, count, size) {
    const all = Array.from({ length: Number(count) }, (_, n) =>
        [`X-Many-${n}`, 'm'.repeat(Number(size))]);
    response.writeHead(200, [...PLAIN, ...all.flat()]);
    response.end('many');
}

function sendfile(request, response, name) {
    response.writeHead(200, [...PLAIN, 'X-Sendfile', path.resolve(name)]);
    response.end('not this');
}

function hints(request, response) {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    return plain(response, 'after the hints');
}

// -- bodies -----------------------------------------------------------------------------

// Resolves when there is room for more, or nobody is left to read it.
function write(response, piece) {
    return new Promise((resolve) => {
        if (response.write(piece) || response.destroyed) {
            resolve();
        } else {
            response.once('drain', resolve).once('close', resolve);
        }
    });
}

async function writeXs(response, left) {
    for (; left > 0 && !response.destroyed; left -= PIECE) {
        await write(response, Buffer.alloc(Math.min(left, PIECE), 'x'));
    }
}

async function size(request, response, count) {
    response.writeHead(200, BINARY);
    await writeXs(response, Number(count));
    response.end();
}

async function length(request, response, count) {
    const block = Buffer.from(Array.from({ length: 251 * 256 },
                                         (_, n) => n % 251));
    response.writeHead(200, [...BINARY, 'Content-Length', count]);
    for (let left = Number(count); left > 0 && !response.destroyed;
        left -= block.length) {
        await write(response, block.subarray(0, left));
    }
    response.end();
}

function sized(request, response, claimed, real) {
    response.writeHead(200, [...PLAIN, 'Content-Length', claimed]);
    response.end('x'.repeat(Number(real)));
}

function chunked(request, response) {
    response.writeHead(200, [...PLAIN, 'Transfer-Encoding', 'chunked']);
    response.end('body');
}

async function slowly(response, text, count, pause) {
    for (let n = 0; n < count && !response.destroyed; n++) {
        await write(response, text.replace('%d', n));
        await sleepMs(pause * 1000);
    }
    response.end();
}

function trickle(request, response, count, pause) {
    response.writeHead(200, PLAIN);
    return slowly(response, 'piece %d\n', Number(count), Number(pause));
}

function sse(request, response, count, pause) {
    response.writeHead(200, ['Content-Type', 'text/event-stream']);
    return slowly(response, 'data: %d\n\n', Number(count), Number(pause));
}

async function quiet(request, response, seconds) {
    response.writeHead(200, PLAIN);
    await write(response, 'begin\n');
    await sleepMs(Number(seconds) * 1000);
    response.end('end\n');
}

// -- time and failure ----------------------------------------------------------------------

const pid = (request, response) => plain(response, String(process.pid));

async function sleep(request, response, seconds) {
    await sleepMs(Number(seconds) * 1000);
    return pid(request, response);
}

async function hold(request, response, name) {
    const own = crypto.randomBytes(4).toString('hex');
    fs.writeFileSync(`${name}.waits.${process.pid}.${own}`, '');
    while (!fs.existsSync(name)) {
        await sleepMs(10);
    }
    return pid(request, response);
}

const EATEN = [];

function eat(request, response, mib) {
    EATEN.push(Buffer.alloc(Number(mib) << 20, 'x'));
    return pid(request, response);
}

function boom() {
    throw new Error('boom before the header');
}

async function lateBoom(request, response) {
    response.writeHead(200, PLAIN);
    await writeXs(response, 100000);
    throw new Error('boom in mid-body');
}

const gone = () => process.exit(7);

async function lateGone(request, response) {
    response.writeHead(200, PLAIN);
    await writeXs(response, 100000);
    await sleepMs(100);
    process.exit(7);
}

const killed = () => process.kill(process.pid, 'SIGKILL');

function goneOnce(request, response, name) {
    fs.appendFileSync(name, 'asked\n');
    const lines = fs.readFileSync(name, 'utf8').split('\n').length - 1;
    if (lines === 1) {
        process.exit(7);
    }
    return plain(response, String(lines));
}

function fork(request, response) {
    const child = spawn('sh', ['-c', "trap '' HUP; exec sleep 600"],
                        { stdio: 'ignore' });
    return plain(response, String(child.pid));
}

// -- the process ------------------------------------------------------------------------------

function say(request, response) {
    console.log('said on stdout');
    console.error('said on stderr');
    return plain(response, 'said');
}

function inside(request, response) {
    const own = fs.readFileSync('/proc/self/status', 'utf8');
    const ids = (name) => new RegExp(`^${name}:\t(.*)`, 'm').exec(own)[1]
        .trim().split(/\s+/).slice(0, 3).map(Number);
    const stat = fs.readFileSync('/proc/self/stat', 'utf8')
        .replace(/^.*\) /s, '').split(' ');
    return asJson(response, {
        pid: process.pid, ppid: process.ppid, pgid: Number(stat[2]),
        sid: Number(stat[3]), uids: ids('Uid'), gids: ids('Gid'),
        groups: process.getgroups().sort((a, b) => a - b),
        cwd: process.cwd(), umask: process.umask(),
        argv: process.argv.slice(1),
        environ: process.env, stdin: fs.readlinkSync('/proc/self/fd/0'),
    });
}

// -- choosing ---------------------------------------------------------------------------------

function plain(response, body) {
    response.writeHead(200, [...PLAIN, 'Content-Length',
                             String(Buffer.byteLength(body))]);
    response.end(body);
}

const asJson = (response, value) => plain(response, JSON.stringify(value));

const NAMES = {
    actions, env, echo, digest, relay, early, part, mark, line, ignore, status,
    bodyful, reply, headers, location, many, sendfile, hints, size, length,
    sized, chunked, trickle, sse, quiet, pid, sleep, hold, eat, boom,
    'late-boom': lateBoom, gone, 'late-gone': lateGone, killed,
    'gone-once': goneOnce, fork, say, inside,
};

function split(target) {
    const at = target.indexOf('?');
    return at < 0 ? [target, '']
        : [target.slice(0, at), target.slice(at + 1)];
}

const decode = (text) => text.replace(/(%[0-9a-f]{2})+/gi, (escapes) => {
    const bytes = Buffer.from(escapes.replaceAll('%', ''), 'hex');
    const utf8 = bytes.toString();
    return utf8.includes('\ufffd') ? bytes.toString('latin1') : utf8;
});

// What a framework does with an exception.
function fail(response, error) {
    console.error(error.stack);
    if (response.headersSent) {
        response.destroy();
    } else {
        response.statusMessage = 'Failed';
        response.writeHead(500, PLAIN);
        response.end('failed\n');
    }
}

async function answer(request, response) {
    const parts = split(request.url)[0].split('/').slice(1);
    const at = parts.findIndex((name) => Object.hasOwn(NAMES, name));
    try {
        await (at < 0 ? env(request, response) : NAMES[parts[at]](
            request, response, ...parts.slice(at + 1).map(decode)));
    } catch (error) {
        if (!request.errored && !response.destroyed) {
            fail(response, error);
        }
    }
}

// Under the loader any port will do; as a command it has a descriptor.
// Whoever misses the rest of a body waits for it until this time is over.
http.createServer({ keepAliveTimeout: 500 }, answer).listen(
    process.env.LISTEN_FDS ? { fd: 3 } : process.env.PORT ?? 3000);
