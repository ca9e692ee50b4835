/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmarks' application in C with libfcgi: /, /big, /upload, /sleep. */
#include <fcgi_stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char big[1 << 20], piece[1 << 16];

static void answer(char *body, size_t len)
{
    /* libfcgi's own printf() knows no %zu. */
    printf("Content-Type: text/plain\r\nContent-Length: %lu\r\n\r\n",
           (unsigned long)len);
    fwrite(body, 1, len, stdout);
}

int main(void)
{
    memset(big, 'x', sizeof(big));
    while (FCGI_Accept() >= 0) {
        const char *uri = getenv("REQUEST_URI");
        size_t n, length = 0;

        if (uri != NULL && strcmp(uri, "/big") == 0) {
            answer(big, sizeof(big));
        } else if (uri != NULL && strcmp(uri, "/upload") == 0) {
            while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0) {
                length += n;
            }
            sprintf(piece, "%zu\n", length);
            answer(piece, strlen(piece));
        } else {
            if (uri != NULL && strcmp(uri, "/sleep") == 0) {
                usleep(50000);
            }
            answer("Hello, world!\n", 14);
        }
    }
    return 0;
}
