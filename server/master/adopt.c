/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt.c - see adopt.h.
 */
#include "adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "engine_link.h"
#include "socket.h"

enum field_kind { KIND_U32, KIND_U64, KIND_TEXT, KIND_LIST, KIND_BYTES };

static const enum field_kind field_kinds[FIELD_COUNT] = {
#define FIELD_KIND(id, name, kind, max, meaning) [id] = KIND_##kind,
    WIRE_FIELDS(FIELD_KIND)
#undef FIELD_KIND
};

static void copy_field(struct wire_message *to, const struct wire_message *from,
                       enum wire_field f)
{
    if (field_kinds[f] == KIND_U32) {
        wire_put_u32(to, f, wire_get_u32(from, f, 0));
    } else if (field_kinds[f] == KIND_U64) {
        wire_put_u64(to, f, wire_get_u64(from, f, 0));
    } else {
        size_t len;
        const char *bytes = wire_get_text(from, f, &len);

        wire_put_bytes(to, f, bytes, len);
    }
}

static void copy_field_unless_there(struct wire_message *to,
                                    const struct wire_message *from,
                                    enum wire_field f)
{
    if (wire_has(from, f) && !wire_has(to, f)) {
        copy_field(to, from, f);
    }
}

/* The template's fields (NULL: the defaults), with what the client named. */
static int make_define(struct wire_message *define, uint32_t number,
                       const struct wire_message *origin,
                       const struct wire_message *adopt)
{
    wire_message_begin(define, MSG_DEFINE, 0);
    wire_put_u32(define, FIELD_APP, number);
    copy_field_unless_there(define, adopt, FIELD_ROOT);
    if (origin == NULL) {
        wire_put_u32(define, FIELD_TYPE, TYPE_AUTO);
        copy_field_unless_there(define, adopt, FIELD_LOWER);
        copy_field_unless_there(define, adopt, FIELD_LOWEST_USER);
    } else {
        for (unsigned f = 1; f < FIELD_COUNT; f++) {
            copy_field_unless_there(define, origin, (enum wire_field)f);
        }
    }
    return wire_check(define, FROM_MASTER, NULL);
}

/* Under a configuration LOWER and LOWEST_USER do not count. */
static char *make_key(const struct wire_message *adopt, bool configured)
{
    const char *lowest = wire_get_text(adopt, FIELD_LOWEST_USER, NULL);
    char *key;
    int n = asprintf(&key, "%u %d %s\n%s", wire_get_u32(adopt, FIELD_APP, 0),
                     configured ? 1 : wire_get_u32(adopt, FIELD_LOWER, 1) != 0,
                     configured || lowest == NULL ? "" : lowest,
                     wire_get_text(adopt, FIELD_ROOT, NULL));

    if (n < 0) {
        abort();
    }
    return key;
}

void adopt_forget(struct master *m, const struct definition *d)
{
    apr_hash_set(m->adopted, d->key, APR_HASH_KEY_STRING, NULL);
}

void adopt_restore(struct master *m, struct definition *d, const char *key)
{
    d->key = strdup(key);
    if (d->key == NULL) {
        abort();
    }
    apr_hash_set(m->adopted, d->key, APR_HASH_KEY_STRING, d);
}

/* NULL: not allowed, or too many. */
static struct definition *adopt_new(struct master *m, const char *key,
                                    struct definition *origin,
                                    const struct wire_message *adopt)
{
    static struct log_quota quota;
    struct definition *d;
    int log_fd;

    if (apr_hash_count(m->adopted) >= MAX_ADOPTED) {
        log_some(&quota, LOG_LEVEL_ERROR,
                 "root %s is refused: %d roots that only clients named",
                 wire_get_text(adopt, FIELD_ROOT, NULL), MAX_ADOPTED);
        return NULL;
    }
    d = config_define(m, m->next_adopted++);
    d->origin = wire_get_u32(adopt, FIELD_APP, 0);
    adopt_restore(m, d, key);
    make_define(&d->message, d->number,
                origin != NULL ? &origin->message : NULL, adopt);
    log_fd = origin != NULL && origin->log_fd >= 0
                 ? fd_duplicate(origin->log_fd) : -1;
    config_keep_log(&d->log_fd, &log_fd);
    config_tell_definition(m, d);
    return d;
}

static struct definition *adopt_find(struct master *m,
                                     const struct wire_message *adopt)
{
    uint32_t app = wire_get_u32(adopt, FIELD_APP, 0);
    struct definition *origin = app != 0 ? config_find(m, app) : NULL;
    bool configured = m->current.number != 0;
    bool is_template = origin != NULL &&
                       (wire_get_u32(&origin->message, FIELD_FLAGS, 0) &
                        DEFINE_DYNAMIC) != 0;
    struct definition *d;
    char *key;

    if (configured ? !is_template : app != 0) {
        return NULL;
    }
    key = make_key(adopt, configured);
    d = apr_hash_get(m->adopted, key, APR_HASH_KEY_STRING);
    if (d == NULL) {
        d = adopt_new(m, key, origin, adopt);
    }
    free(key);
    return d;
}

void adopt_on_adopt(struct master *m, struct wire_message *msg)
{
    const struct definition *d = adopt_find(m, msg);
    struct wire_message reply;

    wire_message_init(&reply);
    wire_message_begin(&reply, MSG_ADOPTED, wire_request_id(msg));
    wire_put_u32(&reply, FIELD_APP, wire_get_u32(msg, FIELD_APP, 0));
    wire_put_text(&reply, FIELD_ROOT, wire_get_text(msg, FIELD_ROOT, NULL));
    if (d != NULL) {
        wire_put_u32(&reply, FIELD_NUMBER, d->number);
    }
    engine_link_send(m, &reply);
}
