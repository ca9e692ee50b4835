/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmarks' application as a handler inside httpd: any module's limit. */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <unistd.h>

static char big[1 << 20], piece[1 << 16];

static int handle(request_rec *r)
{
    long n, length = 0;

    if (r->handler == NULL || strcmp(r->handler, "bench") != 0) {
        return DECLINED;
    }
    ap_set_content_type(r, "text/plain");
    if (strcmp(r->uri, "/big") == 0) {
        ap_set_content_length(r, sizeof(big));
        ap_rwrite(big, sizeof(big), r);
    } else if (strcmp(r->uri, "/upload") == 0) {
        if (ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK) == OK &&
            ap_should_client_block(r)) {
            while ((n = ap_get_client_block(r, piece, sizeof(piece))) > 0) {
                length += n;
            }
        }
        ap_rprintf(r, "%ld\n", length);
    } else {
        if (strcmp(r->uri, "/sleep") == 0) {
            usleep(50000);
        }
        ap_set_content_length(r, 14);
        ap_rwrite("Hello, world!\n", 14, r);
    }
    return OK;
}

static void hooks(apr_pool_t *p)
{
    memset(big, 'x', sizeof(big));
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA bench_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks};
