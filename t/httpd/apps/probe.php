<?php
// SPDX-License-Identifier: Apache-2.0
// The PHP application that most tests ask: the first segment of PATH_INFO says
// what to do, see ../README. A front controller, in the application's root.

const PIECE = 65536;

while (ob_get_level()) {
    ob_end_clean();
}
ini_set('default_charset', '');
ini_set('default_mimetype', '');
set_time_limit(0);

// -- what came --------------------------------------------------------------

function action_actions(): void
{
    as_json(actions());
}

function action_env(): void
{
    as_json(array_map(fn ($value) => is_scalar($value) ? $value : 'an array',
                      $_SERVER));
}

function action_echo(): void
{
    plain(file_get_contents('php://input'));
}

function pieces_of($input): Generator
{
    while (($piece = fread($input, PIECE)) !== false && $piece !== '') {
        yield $piece;
    }
}

function action_digest(): void
{
    $input = fopen('php://input', 'rb');
    $hash = hash_init('sha256');
    $length = 0;
    foreach (pieces_of($input) as $piece) {
        $length += strlen($piece);
        hash_update($hash, $piece);
    }
    as_json(['length' => $length, 'sha256' => hash_final($hash),
             'content_length' => $_SERVER['CONTENT_LENGTH'] ?? null,
             'past_the_end' => fread($input, 1)]);
}

function action_rewind(): void
{
    $input = fopen('php://input', 'rb');
    $first = stream_get_contents($input);
    rewind($input);
    plain(stream_get_contents($input) === $first ? 'true' : 'false');
}

function action_relay(): void
{
    type('application/octet-stream');
    foreach (pieces_of(fopen('php://input', 'rb')) as $piece) {
        out($piece);
    }
}

function action_early(string $count): void
{
    type('text/plain');
    xs((int)$count);
    out("\nread " . strlen(file_get_contents('php://input')));
}

function action_part(string $count): void
{
    stream_get_contents(fopen('php://input', 'rb'), (int)$count);
    plain("part $count");
}

// A body that breaks off is shorter than was said: nothing else tells it.
function action_mark(string $name): void
{
    $length = strlen(file_get_contents('php://input'));
    if ($length == ($_SERVER['CONTENT_LENGTH'] ?? 0)) {
        file_put_contents($name, (string)$length);
    }
    plain('marked');
}

function action_line(string $text): void
{
    file_put_contents('lines', "$text\n", FILE_APPEND);
    plain('noted');
}

function action_ignore(): void
{
    plain('ignored');
}

// -- headers ----------------------------------------------------------------

function status(string $line): void
{
    header("Status: $line");
}

function action_status(string $line): void
{
    status($line);
    if (!in_array(substr($line, 0, 3), ['204', '304'])) {
        type('text/plain');
        out("own body\n");
    }
}

function action_bodyful(string $line): void
{
    status($line);
    type('text/plain');
    header('Content-Length: 9');
    header('ETag: "x"');
    out('forbidden');
}

function of_hex(string $text): string
{
    return $text === '-' ? '' : hex2bin($text);
}

function action_reply(string $code, string $headers, string $body): void
{
    status("$code Reply");
    foreach (array_filter(explode("\x1e", of_hex($headers))) as $field) {
        [$name, $value] = explode("\x1f", $field, 2);
        header("$name: $value", false);
    }
    out(of_hex($body));
}

function action_headers(): void
{
    type('text/plain');
    foreach (['Set-Cookie: a=1; Path=/', 'Set-Cookie: b=2, still b',
              'Link: </a>; rel=preload', 'Link: </b>; rel=preload',
              "X-Bytes: caf\xe9",
              'Date: Thu, 01 Jan 1970 00:00:00 GMT'] as $header) {
        header($header, false);
    }
    out('ok');
}

function action_location(string $line): void
{
    header('Location: /env/elsewhere');
    status($line);
    type('text/plain');
    out('look there');
}

function action_many(string $count, string $size): void
{
    type('text/plain');
    for ($n = 0; $n < (int)$count; $n++) {
        header("X-Many-$n: " . str_repeat('m', (int)$size));
    }
    out('many');
}

function action_sendfile(string $name): void
{
    type('text/plain');
    header('X-Sendfile: ' . getcwd() . "/$name");
    out('not this');
}

// -- bodies -----------------------------------------------------------------

function xs(int $left): void
{
    for (; $left > 0; $left -= PIECE) {
        out(str_repeat('x', min($left, PIECE)));
    }
}

function action_size(string $count): void
{
    type('application/octet-stream');
    xs((int)$count);
}

function action_length(string $count): void
{
    $block = str_repeat(implode('', array_map('chr', range(0, 250))), 256);
    type('application/octet-stream');
    header("Content-Length: $count");
    for ($left = (int)$count; $left > 0; $left -= strlen($block)) {
        out($left < strlen($block) ? substr($block, 0, $left) : $block);
    }
}

function action_sized(string $claimed, string $real): void
{
    type('text/plain');
    header("Content-Length: $claimed");
    xs((int)$real);
}

function action_chunked(): void
{
    type('text/plain');
    header('Transfer-Encoding: chunked');
    out("4\r\nbody\r\n0\r\n\r\n");
}

function slowly(string $text, string $count, string $pause): void
{
    for ($number = 0; $number < (int)$count; $number++) {
        out(sprintf($text, $number));
        pause($pause);
    }
}

function action_trickle(string $count, string $pause): void
{
    type('text/plain');
    slowly("piece %d\n", $count, $pause);
}

function action_sse(string $count, string $pause): void
{
    type('text/event-stream');
    slowly("data: %d\n\n", $count, $pause);
}

function action_quiet(string $seconds): void
{
    type('text/plain');
    out("begin\n");
    pause($seconds);
    out("end\n");
}

// -- time and failure -------------------------------------------------------

function pause(string $seconds): void
{
    usleep((int)((float)$seconds * 1e6));
}

function action_pid(): void
{
    plain((string)getmypid());
}

function action_sleep(string $seconds): void
{
    pause($seconds);
    action_pid();
}

function action_hold(string $name): void
{
    touch("$name.waits." . getmypid() . '.' . uniqid());
    while (!file_exists($name)) {
        usleep(10000);
        clearstatcache();
    }
    action_pid();
}

function action_boom(): void
{
    throw new RuntimeException('boom before the header');
}

function action_killed(): void
{
    posix_kill(getmypid(), 9);
}

// exit() ends the request only; there is no other way out than this.
function action_gone(): void
{
    action_killed();
}

function action_late_gone(): void
{
    type('text/plain');
    xs(100000);
    pause('0.1');
    action_killed();
}

function action_gone_once(string $name): void
{
    file_put_contents($name, "asked\n", FILE_APPEND);
    $lines = count(file($name));
    if ($lines === 1) {
        action_killed();
    }
    plain((string)$lines);
}

function action_fork(): void
{
    plain(trim(shell_exec(
        "trap '' HUP; sleep 600 > /dev/null 2>&1 < /dev/null & echo $!")));
}

// -- the process ------------------------------------------------------------

function action_say(): void
{
    file_put_contents('php://stdout', "said on stdout\n");
    file_put_contents('php://stderr', "said on stderr\n");
    error_log('said on php.errors');
    plain('said');
}

function of_proc(string $name): array
{
    return explode("\0", rtrim(file_get_contents("/proc/self/$name"), "\0"));
}

function ids_of(string $kind): array
{
    preg_match("/^$kind:\s+(.*)$/m", file_get_contents('/proc/self/status'),
               $found);
    return array_slice(array_map('intval', explode("\t", $found[1])), 0, 3);
}

function action_inside(): void
{
    $groups = posix_getgroups();
    $environ = [];
    sort($groups);
    foreach (of_proc('environ') as $pair) {
        [$name, $value] = explode('=', $pair, 2);
        $environ[$name] = $value;
    }
    as_json(['pid' => getmypid(), 'ppid' => posix_getppid(),
             'sid' => posix_getsid(0), 'pgid' => posix_getpgid(0),
             'uids' => ids_of('Uid'), 'gids' => ids_of('Gid'),
             'groups' => $groups, 'cwd' => getcwd(), 'umask' => umask(),
             'argv' => of_proc('cmdline'), 'environ' => (object)$environ,
             'stdin' => readlink('/proc/self/fd/0')]);
}

// -- choosing ---------------------------------------------------------------

function type(string $type): void
{
    header("Content-Type: $type");
}

function out(string $piece): void
{
    echo $piece;
    flush();
}

function plain(string $body): void
{
    type('text/plain');
    header('Content-Length: ' . strlen($body));
    echo $body;
}

// Strings that are no UTF-8 are latin-1.
function as_json(array $value): void
{
    array_walk_recursive($value, function (&$text) {
        if (is_string($text) && !preg_match('//u', $text)) {
            $text = as_utf8($text);
        }
    });
    plain(json_encode($value, JSON_UNESCAPED_SLASHES));
}

function as_utf8(string $text): string
{
    return preg_replace_callback(
        '/[\x80-\xff]/',
        fn ($byte) => chr(0xc0 | ord($byte[0]) >> 6)
                      . chr(0x80 | ord($byte[0]) & 0x3f), $text);
}

function actions(): array
{
    $names = [];
    foreach (get_defined_functions()['user'] as $function) {
        if (str_starts_with($function, 'action_')) {
            $names[] = str_replace('_', '-', substr($function, 7));
        }
    }
    return $names;
}

function main(): void
{
    $parts = explode('/', $_SERVER['PATH_INFO'] ?? '/');
    $name = in_array($parts[1], actions(), true) ? $parts[1] : 'env';
    $function = 'action_' . str_replace('-', '_', $name);
    $wanted = (new ReflectionFunction($function))->getNumberOfParameters();
    $function(...array_slice($parts, 2, $wanted));
}

main();
