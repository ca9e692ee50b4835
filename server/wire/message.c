/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - builds messages and checks them against apppool/protocol.h.
 *
 * A field's bytes in data are preceded by its struct field_head, so the offset
 * of the bytes also leads to their length.
 */
#include "message.h"

#include "packet.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum field_kind { KIND_NONE, KIND_U32, KIND_U64, KIND_TEXT, KIND_LIST,
                  KIND_BYTES };

struct field_rule {
    enum field_kind kind;
    uint32_t max;
};

struct message_rule {
    const char *name; /* NULL: no such message */
    unsigned senders;
    wire_field_set needs, takes;
    unsigned min_fds, max_fds;
};

struct field_head {
    uint16_t id;
    uint16_t zero;
    uint32_t len;
};

static_assert(FIELD_COUNT <= FIELD_SET_MAX, "each field has a bit");
static_assert(sizeof(struct wire_header) == 12, "no holes in the header");

static const struct field_rule field_rules[FIELD_COUNT] = {
#define FIELD_RULE(id, name, field_kind, max_len, meaning)                    \
    [id] = { .kind = KIND_##field_kind, .max = max_len },
    WIRE_FIELDS(FIELD_RULE)
#undef FIELD_RULE
};

static const struct message_rule message_rules[MSG_LIMIT] = {
#define MESSAGE_RULE(number, says_name, from, must, may, fmin, fmax, meaning) \
    [number] = { .name = #says_name, .senders = (from), .needs = (must),      \
                 .takes = (may), .min_fds = (fmin), .max_fds = (fmax) },
    WIRE_MESSAGES(MESSAGE_RULE)
#undef MESSAGE_RULE
};

static struct wire_header *header(const struct wire_message *m)
{
    assert(m->data != NULL);
    return (struct wire_header *)m->data;
}

/* Bytes a field takes after its head. A TEXT has at least one zero behind it,
 * so that it can be read as a C string where it lies. */
static size_t padded(enum field_kind kind, size_t len)
{
    return (len + (kind == KIND_TEXT) + 3) & ~(size_t)3;
}

static uint32_t field_len(const struct wire_message *m, enum wire_field f)
{
    struct field_head head;

    memcpy(&head, m->data + m->offset[f] - sizeof(head), sizeof(head));
    return head.len;
}

/* Building ---------------------------------------------------------------- */

void wire_message_init(struct wire_message *m)
{
    *m = (struct wire_message){ .fds = { -1, -1, -1, -1 } };
}

static void reserve(struct wire_message *m, size_t size)
{
    uint8_t *data;

    if (size <= m->size) {
        return;
    }
    size = size < 2 * m->size ? 2 * m->size : size;
    data = realloc(m->data, size);
    if (data == NULL) {
        abort();
    }
    m->data = data;
    m->size = size;
}

static void forget(struct wire_message *m)
{
    for (unsigned i = 0; i < m->n_fds; i++) {
        fd_close(&m->fds[i]);
    }
    m->n_fds = 0;
    m->len = 0;
    m->sender = (struct wire_sender){ 0 };
    memset(m->offset, 0, sizeof(m->offset));
}

void wire_message_begin(struct wire_message *m, enum wire_type type,
                        uint32_t request_id)
{
    forget(m);
    reserve(m, 128);
    m->len = sizeof(struct wire_header);
    *header(m) = (struct wire_header){ .version = APPPOOL_WIRE_VERSION,
                                       .type = (uint8_t)type,
                                       .request_id = request_id };
}

void wire_message_room(struct wire_message *m)
{
    forget(m);
    reserve(m, sizeof(struct wire_header) + WIRE_MAX_PAYLOAD);
}

void wire_message_clear(struct wire_message *m)
{
    forget(m);
    free(m->data);
    wire_message_init(m);
}

/* Is this content right for a field of this kind? NULL or what is wrong. */
static const char *content_fault(enum wire_field f, const void *bytes,
                                 size_t len)
{
    const struct field_rule *rule = &field_rules[f];

    switch (rule->kind) {
    case KIND_U32:
        return len == 4 ? NULL : "a number of the wrong size";
    case KIND_U64:
        return len == 8 ? NULL : "a number of the wrong size";
    case KIND_TEXT:
        if (len > 0 && memchr(bytes, '\0', len) != NULL) {
            return "a NUL in a text";
        }
        break;
    case KIND_LIST:
        if (len > 0 && ((const char *)bytes)[len - 1] != '\0') {
            return "a list that does not end in NUL";
        }
        break;
    default:
        break;
    }
    return len <= rule->max ? NULL : "a field over its limit";
}

static int put(struct wire_message *m, enum wire_field f, const void *bytes,
               size_t len)
{
    const struct field_head head = { .id = (uint16_t)f, .len = (uint32_t)len };
    const enum field_kind kind = field_rules[f].kind;
    const size_t room = padded(kind, len);
    uint8_t *to;

    if (m->offset[f] != 0) {
        return -EINVAL;
    }
    if (m->len + sizeof(head) + room >
        sizeof(struct wire_header) + WIRE_MAX_PAYLOAD) {
        return -EMSGSIZE;
    }
    reserve(m, m->len + sizeof(head) + room);
    to = m->data + m->len;
    memcpy(to, &head, sizeof(head));
    to += sizeof(head);
    if (len > 0) {
        memcpy(to, bytes, len);
    }
    memset(to + len, 0, room - len);
    m->offset[f] = (uint32_t)(to - m->data);
    m->len += sizeof(head) + room;
    header(m)->length = (uint32_t)(m->len - sizeof(struct wire_header));
    return 0;
}

int wire_put_u32(struct wire_message *m, enum wire_field f, uint32_t value)
{
    if (field_rules[f].kind != KIND_U32) {
        return -EINVAL;
    }
    return put(m, f, &value, sizeof(value));
}

int wire_put_u64(struct wire_message *m, enum wire_field f, uint64_t value)
{
    if (field_rules[f].kind != KIND_U64) {
        return -EINVAL;
    }
    return put(m, f, &value, sizeof(value));
}

int wire_put_bytes(struct wire_message *m, enum wire_field f, const void *bytes,
                   size_t len)
{
    if (field_rules[f].kind < KIND_TEXT) {
        return -EINVAL;
    }
    if (len > field_rules[f].max) {
        return -EMSGSIZE;
    }
    if (content_fault(f, bytes, len) != NULL) {
        return -EINVAL;
    }
    return put(m, f, bytes, len);
}

int wire_put_text(struct wire_message *m, enum wire_field f, const char *text)
{
    return wire_put_bytes(m, f, text, strlen(text));
}

int wire_put_fd(struct wire_message *m, int *fd)
{
    if (m->n_fds == WIRE_MAX_FDS) {
        fd_close(fd);
        return -EMSGSIZE;
    }
    m->fds[m->n_fds++] = *fd;
    *fd = -1;
    return 0;
}

/* Reading ----------------------------------------------------------------- */

enum wire_type wire_type(const struct wire_message *m)
{
    return (enum wire_type)header(m)->type;
}

uint32_t wire_request_id(const struct wire_message *m)
{
    return header(m)->request_id;
}

const char *wire_type_name(enum wire_type type)
{
    if ((unsigned)type >= MSG_LIMIT || message_rules[type].name == NULL) {
        return "?";
    }
    return message_rules[type].name;
}

const char *wire_status_name(enum wire_status s)
{
    static const char *const names[] = {
        [STATUS_OK] = "ok",
        [STATUS_SPAWN_FAILED] = "spawn failed",
        [STATUS_BUSY] = "busy",
        [STATUS_TIMEOUT] = "timed out in the queue",
        [STATUS_UNKNOWN_APP] = "unknown application",
        [STATUS_DENIED] = "denied",
        [STATUS_BAD_MESSAGE] = "bad message",
        [STATUS_STOPPING] = "stopping",
        [STATUS_FAILED] = "failed",
    };

    return (unsigned)s < sizeof(names) / sizeof(names[0]) ? names[s] : "?";
}

int wire_has(const struct wire_message *m, enum wire_field f)
{
    return m->offset[f] != 0;
}

uint32_t wire_get_u32(const struct wire_message *m, enum wire_field f,
                      uint32_t otherwise)
{
    assert(field_rules[f].kind == KIND_U32);
    if (m->offset[f] != 0) {
        memcpy(&otherwise, m->data + m->offset[f], sizeof(otherwise));
    }
    return otherwise;
}

uint64_t wire_get_u64(const struct wire_message *m, enum wire_field f,
                      uint64_t otherwise)
{
    assert(field_rules[f].kind == KIND_U64);
    if (m->offset[f] != 0) {
        memcpy(&otherwise, m->data + m->offset[f], sizeof(otherwise));
    }
    return otherwise;
}

const char *wire_get_text(const struct wire_message *m, enum wire_field f,
                          size_t *len_r)
{
    assert(field_rules[f].kind >= KIND_TEXT);
    if (len_r != NULL) {
        *len_r = m->offset[f] == 0 ? 0 : field_len(m, f);
    }
    return m->offset[f] == 0 ? NULL : (const char *)m->data + m->offset[f];
}

const char *wire_list_next(const struct wire_message *m, enum wire_field f,
                           const char *before)
{
    size_t len;
    const char *first = wire_get_text(m, f, &len);
    const char *next = before == NULL ? first : before + strlen(before) + 1;

    assert(field_rules[f].kind == KIND_LIST);
    return first == NULL || next >= first + len ? NULL : next;
}

int wire_take_fd(struct wire_message *m, unsigned i)
{
    int fd = -1;

    if (i < m->n_fds) {
        fd = m->fds[i];
        m->fds[i] = -1;
    }
    return fd;
}

/* Checking ---------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
    while (len > 0 && bytes[len - 1] == 0) {
        len--;
    }
    return len == 0;
}

/* Check the field at *at and step over it. NULL or what is wrong. */
static const char *check_field(struct wire_message *m, size_t *at)
{
    struct field_head head;
    const size_t left = m->len - *at;
    const uint8_t *bytes = m->data + *at + sizeof(head);
    size_t room;
    const char *fault;

    if (left < sizeof(head)) {
        return "a field is cut off";
    }
    memcpy(&head, m->data + *at, sizeof(head));
    if (head.id == 0 || head.id >= FIELD_COUNT || head.zero != 0) {
        return "an unknown field";
    }
    if (head.len > left) { /* first, or padding might overflow */
        return "a field is cut off";
    }
    room = padded(field_rules[head.id].kind, head.len);
    if (room > left - sizeof(head)) {
        return "a field is cut off";
    }
    fault = content_fault((enum wire_field)head.id, bytes, head.len);
    if (fault != NULL) {
        return fault;
    }
    if (!is_zero(bytes + head.len, room - head.len)) {
        return "padding that is not zero";
    }
    if (m->offset[head.id] != 0) {
        return "a field twice";
    }
    m->offset[head.id] = (uint32_t)(*at + sizeof(head));
    *at += sizeof(head) + room;
    return NULL;
}

static const char *check_header(const struct wire_message *m, unsigned senders)
{
    const struct wire_header *h;

    if (m->len < sizeof(*h)) {
        return "shorter than a header";
    }
    h = header(m);
    if (h->version != APPPOOL_WIRE_VERSION) {
        return "another version";
    }
    if (h->flags != 0) {
        return "unknown flags";
    }
    if (h->length > WIRE_MAX_PAYLOAD || h->length != m->len - sizeof(*h)) {
        return "another length than it says";
    }
    if (h->type >= MSG_LIMIT || message_rules[h->type].name == NULL) {
        return "an unknown type";
    }
    if ((message_rules[h->type].senders & senders) == 0) {
        return "not from this sender";
    }
    return NULL;
}

static const char *check(struct wire_message *m, unsigned senders)
{
    const struct message_rule *rule;
    const char *fault = check_header(m, senders);
    size_t at = sizeof(struct wire_header);
    wire_field_set has = 0;

    memset(m->offset, 0, sizeof(m->offset));
    while (fault == NULL && at < m->len) {
        fault = check_field(m, &at);
    }
    if (fault != NULL) {
        return fault;
    }
    rule = &message_rules[header(m)->type];
    for (unsigned f = 1; f < FIELD_COUNT; f++) {
        has |= (wire_field_set)(m->offset[f] != 0) << f;
    }
    if ((rule->needs & ~has) != 0) {
        return "a field is missing";
    }
    if ((has & ~(rule->needs | rule->takes)) != 0) {
        return "a field that does not belong there";
    }
    if (m->n_fds < rule->min_fds || m->n_fds > rule->max_fds) {
        return "a wrong number of descriptors";
    }
    return NULL;
}

int wire_check(struct wire_message *m, unsigned senders, const char **why_r)
{
    const char *fault = check(m, senders);

    if (why_r != NULL) {
        *why_r = fault;
    }
    return fault == NULL ? 0 : -EPROTO;
}

/* Keeping ----------------------------------------------------------------- */

static void load(struct wire_message *m, const void *bytes, size_t len)
{
    forget(m);
    reserve(m, len);
    memcpy(m->data, bytes, len);
    m->len = len;
}

void wire_copy(struct wire_message *to, const struct wire_message *from)
{
    load(to, from->data, from->len);
    memcpy(to->offset, from->offset, sizeof(to->offset));
}

ssize_t wire_load(struct wire_message *m, const void *data, size_t len,
                  unsigned senders, const char **why_r)
{
    struct wire_header h = { 0 };

    if (len == 0) {
        return 0;
    }
    memcpy(&h, data, len < sizeof(h) ? len : sizeof(h));
    if (len < sizeof(h) || h.length > len - sizeof(h)) {
        forget(m);
        if (why_r != NULL) {
            *why_r = "cut off";
        }
        return -EPROTO;
    }
    load(m, data, sizeof(h) + h.length);
    if (wire_check(m, senders, why_r) < 0) {
        forget(m);
        return -EPROTO;
    }
    return (ssize_t)m->len;
}
