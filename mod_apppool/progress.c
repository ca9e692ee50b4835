/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.c - a word in the scoreboard.
 */
#include "progress.h"

#include <apr_strings.h>
#include <scoreboard.h>

void progress_tell(request_rec *r, enum progress what)
{
    static const char *const words[] = {
        [PROGRESS_UPLOAD] = "upload", [PROGRESS_QUEUE] = "queue",
        [PROGRESS_APP] = "app", [PROGRESS_CLIENT] = "client",
        [PROGRESS_TUNNEL] = "tunnel"};
    char text[64]; /* as much as a line of the scoreboard holds */

    if (ap_extended_status) {
        apr_snprintf(text, sizeof(text), "[%s] %s", words[what],
                     r->the_request ? r->the_request : r->uri);
        ap_update_child_status_descr(r->connection->sbh, SERVER_BUSY_WRITE,
                                     text);
    }
}
