/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal.c - REFUSED becomes a status and words.
 */
#include "refusal.h"

#include <apr_strings.h>

apr_status_t refusal_status(const struct wire_message *refused)
{
    switch ((enum wire_status)wire_get_u32(refused, FIELD_STATUS, STATUS_OK)) {
    case STATUS_SPAWN_FAILED:
        return APPPOOL_ESPAWN;
    case STATUS_BUSY:
        return APPPOOL_EBUSY;
    case STATUS_TIMEOUT:
        return APPPOOL_ETIMEOUT;
    case STATUS_UNKNOWN_APP:
        return APPPOOL_EUNKNOWN;
    case STATUS_DENIED:
        return APPPOOL_EDENIED;
    case STATUS_STOPPING:
        return APPPOOL_EIO;
    case STATUS_FAILED:
        return APPPOOL_EFAILED;
    default: /* BAD_MESSAGE: the engine did not understand us either */
        return APPPOOL_EPROTO;
    }
}

void refusal_tell(const struct wire_message *refused,
                  struct apppool_failure *failure_r, apr_pool_t *p)
{
    const char *page = wire_get_text(refused, FIELD_PAGE, NULL);
    const char *id = wire_get_text(refused, FIELD_ERROR_ID, NULL);

    if (failure_r == NULL) {
        return;
    }
    *failure_r = (struct apppool_failure){
        .message = apr_pstrdup(p, wire_get_text(refused, FIELD_MESSAGE, NULL)),
        .page = page == NULL ? NULL : apr_pstrdup(p, page),
        .retry_after_s = wire_get_u32(refused, FIELD_RETRY_AFTER, 0),
        .id = id == NULL || *id == '\0' ? NULL : apr_pstrdup(p, id),
    };
}

void refusal_tell_status(apr_status_t rv, struct apppool_failure *failure_r,
                         apr_pool_t *p)
{
    char text[160];

    if (failure_r != NULL) {
        *failure_r = (struct apppool_failure){
            .message = apr_pstrdup(p,
                                   apppool_strerror(rv, text, sizeof(text))),
        };
    }
}
