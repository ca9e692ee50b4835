/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_numbers.h - what can go wrong with a request, by number.
 *
 * A number begins the line in the log ("AP1003: application /srv/blog ...").
 * doc/log-numbers tells what each means to an admin; a test compares them. A
 * number is never given to another event, and never changes.
 */
#ifndef MOD_APPPOOL_LOG_NUMBERS_H
#define MOD_APPPOOL_LOG_NUMBERS_H

enum log_number {
    LOG_NOTHING = 1001,           /* ended without a byte of a response */
    LOG_HEADER_CUT = 1002,        /* ended within the header */
    LOG_HEADER_LARGE = 1003,      /* PoolResponseHeaderLimit */
    LOG_HEADER_BAD = 1004,        /* a header that makes no sense */
    LOG_BODY_CUT = 1005,          /* ended within the body */
    LOG_BODY_BAD = 1006,          /* chunks or records that make no sense */
    LOG_OVERLOADED = 1007,        /* it refused in its protocol */
    LOG_SILENT_FIRST = 1008,      /* PoolResponseTimeout, first byte */
    LOG_SILENT_BETWEEN = 1009,    /* PoolResponseTimeout, between bytes */
    LOG_TOO_LONG = 1010,          /* PoolMaxRequestTime */
    LOG_NO_ROOM_RESPONSE = 1011,  /* PoolBufferDir */
    LOG_NO_ROOM_REQUEST = 1012,   /* PoolBufferDir */
    LOG_BUSY = 1013,              /* PoolMaxQueueSize, PoolMaxWaiting */
    LOG_QUEUE_TIMEOUT = 1014,     /* PoolQueueTimeout */
    LOG_SPAWN_FAILED = 1015,      /* the application does not start */
    LOG_NO_SERVER = 1016,         /* there is no pool server */
    LOG_UNKNOWN = 1017,           /* no such definition */
    LOG_PROTOCOL = 1018,          /* not the protocol that was expected */
    LOG_CLIENT_GONE = 1019,       /* debug */
    LOG_UPLOAD_CUT = 1020,        /* debug */
    LOG_TRIED_AGAIN = 1021,       /* info; debug for a kept connection */
    LOG_STOPPING = 1022,          /* debug */
    LOG_TUNNEL_ENDED = 1023,      /* debug */
    LOG_MADE_ROOM = 1024,         /* notice; a stream: info */
    LOG_OTHER = 1025              /* the server's answer made no sense */
};

#endif
