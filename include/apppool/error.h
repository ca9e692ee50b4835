/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h - what can go wrong in the library, as apr_status_t values.
 *
 * Errors of the system come as APR gives them (APR_ENOENT, APR_EACCES ...);
 * these are the library's own. apppool_strerror() knows both.
 */
#ifndef APPPOOL_ERROR_H
#define APPPOOL_ERROR_H

#include <apr_errno.h>

#ifdef __cplusplus
extern "C" {
#endif

#define APPPOOL_ERROR_BASE (APR_OS_START_USERERR + 7100)

/* The application does not start; see apppool_failure for its words. */
#define APPPOOL_ESPAWN     (APPPOOL_ERROR_BASE + 1)
/* The queue is full: try again after failure->retry_after_s. */
#define APPPOOL_EBUSY      (APPPOOL_ERROR_BASE + 2)
/* Waited as long as the queue time-out allows, or as the caller said. */
#define APPPOOL_ETIMEOUT   (APPPOOL_ERROR_BASE + 3)
/* The server closed the connection, or there is none. */
#define APPPOOL_EIO        (APPPOOL_ERROR_BASE + 4)
/* The other side said something that the protocol does not know. */
#define APPPOOL_EPROTO     (APPPOOL_ERROR_BASE + 5)
/* apppool_server_detach() has been called here: connecting is over. */
#define APPPOOL_EDETACHED  (APPPOOL_ERROR_BASE + 6)
/* The server knows no such application, or does not admit its root. */
#define APPPOOL_EUNKNOWN   (APPPOOL_ERROR_BASE + 7)
/* Not for this client (an admin operation on a plain channel). */
#define APPPOOL_EDENIED    (APPPOOL_ERROR_BASE + 8)
/* The caller's own client has gone while the request waited. */
#define APPPOOL_EABANDONED (APPPOOL_ERROR_BASE + 9)
/* A kept connection was already closed: close the session as broken, get. */
#define APPPOOL_ESTALE     (APPPOOL_ERROR_BASE + 10)
/* The operation failed; the message says why. */
#define APPPOOL_EFAILED    (APPPOOL_ERROR_BASE + 11)

/*
 * One sentence for any status, into buf (always NUL-terminated); returns buf.
 * Thread-safe.
 */
char *apppool_strerror(apr_status_t rv, char *buf, apr_size_t size);

#ifdef __cplusplus
}
#endif
#endif
