/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocols.c - the protocols there are, by the number that an OFFER carries.
 */
#include "protocol.h"

const struct protocol *protocol_find(enum apppool_session_protocol number)
{
    switch (number) {
    case APPPOOL_SCGI:
        return &protocol_scgi;
    case APPPOOL_HTTP:
        return &protocol_http;
    case APPPOOL_FASTCGI:
        return &protocol_fastcgi;
    default:
        return NULL;
    }
}
