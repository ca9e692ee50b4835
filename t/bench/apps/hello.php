<?php
// SPDX-License-Identifier: Apache-2.0
// The benchmarks' application in PHP: /, /big, /upload, /sleep.
$body = "Hello, world!\n";
switch (strtok($_SERVER['REQUEST_URI'], '?')) {
    case '/big':
        $body = str_repeat('x', 1 << 20);
        break;
    case '/upload':
        $length = 0;
        $input = fopen('php://input', 'rb');
        while (!feof($input)) {
            $length += strlen(fread($input, 65536));
        }
        $body = "$length\n";
        break;
    case '/sleep':
        usleep(50000);
        break;
}
header('Content-Type: text/plain');
header('Content-Length: ' . strlen($body));
echo $body;
