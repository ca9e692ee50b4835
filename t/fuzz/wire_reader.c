/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_reader.c - decodes a packet, reads all of it, and encodes it anew.
 */
#include "wire_reader.h"

#include "message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum kind { IS_NONE, IS_U32, IS_U64, IS_TEXT, IS_LIST, IS_BYTES };

static const struct {
    enum kind kind;
    size_t max;
} fields[FIELD_COUNT] = {
#define FIELD(id, name, its_kind, its_max, meaning)                           \
    [id] = { IS_##its_kind, its_max },
    WIRE_FIELDS(FIELD)
#undef FIELD
};

static const struct rule {
    unsigned senders;
    wire_field_set needs, takes;
    unsigned min_fds, max_fds;
} rules[MSG_LIMIT] = {
#define RULE(number, name, senders, needs, takes, fmin, fmax, says)           \
    [number] = { senders, needs, takes, fmin, fmax },
    WIRE_MESSAGES(RULE)
#undef RULE
};

/* What a handler may rely on. */
static void check_rule(const struct wire_message *m, unsigned senders)
{
    const struct rule *rule = &rules[wire_type(m)];

    assert((rule->senders & senders) != 0);
    assert(m->n_fds >= rule->min_fds && m->n_fds <= rule->max_fds);
    for (unsigned f = 1; f < FIELD_COUNT; f++) {
        const wire_field_set bit = (wire_field_set)1 << f;
        bool has = wire_has(m, (enum wire_field)f);

        assert(has || (rule->needs & bit) == 0);
        assert(!has || ((rule->needs | rule->takes) & bit) != 0);
    }
}

static void check_list(const struct wire_message *m, enum wire_field f,
                       size_t len)
{
    const char *text = NULL;
    size_t seen = 0;

    while ((text = wire_list_next(m, f, text)) != NULL) {
        seen += strlen(text) + 1;
    }
    assert(seen == len);
}

/* Read a field in its way and put it into another message. */
static void copy_field(struct wire_message *to, const struct wire_message *m,
                       enum wire_field f)
{
    size_t len;
    const char *bytes;
    int rc;

    if (fields[f].kind == IS_U32) {
        rc = wire_put_u32(to, f, wire_get_u32(m, f, 0));
    } else if (fields[f].kind == IS_U64) {
        rc = wire_put_u64(to, f, wire_get_u64(m, f, 0));
    } else {
        bytes = wire_get_text(m, f, &len);
        assert(len <= fields[f].max);
        assert(fields[f].kind != IS_TEXT || strlen(bytes) == len);
        if (fields[f].kind == IS_LIST) {
            check_list(m, f, len);
        }
        rc = wire_put_bytes(to, f, bytes, len);
    }
    assert(rc == 0);
}

/* Encoded anew it has the same length, and is accepted again. */
static void check_content(const struct wire_message *m, unsigned senders)
{
    struct wire_message copy;

    wire_message_init(&copy);
    wire_message_begin(&copy, wire_type(m), wire_request_id(m));
    for (unsigned f = 1; f < FIELD_COUNT; f++) {
        if (wire_has(m, (enum wire_field)f)) {
            copy_field(&copy, m, (enum wire_field)f);
        }
    }
    copy.n_fds = m->n_fds; /* all of them -1 */
    assert(copy.len == m->len);
    assert(wire_check(&copy, senders, NULL) == 0);
    wire_message_clear(&copy);
}

/* As from a file: one message after the other. */
static void load_all(const uint8_t *data, size_t size, unsigned senders)
{
    struct wire_message m;
    ssize_t n = 1;

    wire_message_init(&m);
    for (size_t at = 0; n > 0; at += (size_t)n) {
        n = wire_load(&m, data + at, size - at, senders, NULL);
        assert(n <= (ssize_t)(size - at) && (n != 0 || at == size));
        if (n > 0) {
            check_rule(&m, senders);
            check_content(&m, senders);
        }
    }
    wire_message_clear(&m);
}

bool wire_reader_try(const uint8_t *data, size_t size)
{
    struct wire_message m;
    const char *why = NULL;
    unsigned senders;
    bool accepted;

    if (size == 0) {
        return false;
    }
    senders = data[0] & ((1u << WIRE_READER_FDS) - 1);
    wire_message_init(&m);
    /* In memory of its exact size: a sanitizer sees each byte too far. */
    m.data = malloc(size > 1 ? size - 1 : 1);
    assert(m.data != NULL);
    memcpy(m.data, data + 1, size - 1);
    m.len = m.size = size - 1;
    m.n_fds = data[0] >> WIRE_READER_FDS;
    m.n_fds = m.n_fds > WIRE_MAX_FDS ? WIRE_MAX_FDS : m.n_fds;
    accepted = wire_check(&m, senders, &why) == 0;
    assert(accepted == (why == NULL));
    if (accepted) {
        check_rule(&m, senders);
        check_content(&m, senders);
    }
    load_all(m.data, m.len, senders);
    wire_message_clear(&m);
    return accepted;
}
