/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_wire_message.c - every message and field built, checked and read.
 */
#include "leaks.h"
#include "message.h"
#include "program.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANYBODY (FROM_CLIENT | FROM_ENGINE | FROM_MASTER | FROM_PARENT)

enum kind { IS_U32, IS_U64, IS_TEXT, IS_LIST, IS_BYTES };

/* The tables once more, as data. */
static const struct field {
    enum wire_field id;
    enum kind kind;
    size_t max;
} fields[] = {
#define ROW(id, name, kind, max, meaning) { FIELD_##name, IS_##kind, max },
    WIRE_FIELDS(ROW)
#undef ROW
};

static const struct message {
    enum wire_type type;
    const char *name;
    unsigned senders;
    wire_field_set needs, takes;
    unsigned min_fds, max_fds;
} messages[] = {
#define ROW(number, name, senders, needs, takes, fmin, fmax, says)            \
    { MSG_##name, #name, senders, needs, takes, fmin, fmax },
    WIRE_MESSAGES(ROW)
#undef ROW
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))
#define N_MESSAGES (sizeof(messages) / sizeof(messages[0]))

static const struct field *field_of(unsigned id)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (fields[i].id == id) {
            return &fields[i];
        }
    }
    ck_abort_msg("no field %u", id);
}

static int put_something(struct wire_message *m, const struct field *f)
{
    switch (f->kind) {
    case IS_U32:
        return wire_put_u32(m, f->id, 0x01020304u + f->id);
    case IS_U64:
        return wire_put_u64(m, f->id, UINT64_C(0x0102030405060708) + f->id);
    case IS_TEXT:
        return wire_put_text(m, f->id, "/srv/b\xc3\xa4r");
    default:
        return wire_put_bytes(m, f->id, "a=1\0b=\0", 7);
    }
}

static void expect_something(const struct wire_message *m,
                             const struct field *f)
{
    const char *bytes;
    size_t len;

    ck_assert(wire_has(m, f->id));
    if (f->kind == IS_U32) {
        ck_assert_uint_eq(wire_get_u32(m, f->id, 0), 0x01020304u + f->id);
    } else if (f->kind == IS_U64) {
        ck_assert_uint_eq(wire_get_u64(m, f->id, 0),
                          UINT64_C(0x0102030405060708) + f->id);
    } else {
        bytes = wire_get_text(m, f->id, &len);
        if (f->kind == IS_TEXT) {
            ck_assert_str_eq(bytes, "/srv/b\xc3\xa4r");
            ck_assert_uint_eq(len, strlen(bytes));
        } else {
            ck_assert_mem_eq(bytes, "a=1\0b=\0", 7);
            ck_assert_uint_eq(len, 7);
        }
    }
}

static void put_set(struct wire_message *m, wire_field_set set)
{
    for (unsigned id = 1; id < FIELD_COUNT; id++) {
        if ((set >> id & 1) != 0) {
            ck_assert_int_eq(put_something(m, field_of(id)), 0);
        }
    }
}

static void put_fds(struct wire_message *m, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        ck_assert_int_eq(wire_put_fd(m, &fd), 0);
        ck_assert_int_eq(fd, -1);
    }
}

static void build(struct wire_message *m, const struct message *rule,
                  wire_field_set set, unsigned n_fds)
{
    wire_message_begin(m, rule->type, 4711);
    put_set(m, set);
    put_fds(m, n_fds);
}

START_TEST(every_message_passes_with_all_it_may_have)
{
    const struct message *rule = &messages[_i];
    const wire_field_set set = rule->needs | rule->takes;
    struct wire_message m, copy;
    const char *why = "?";

    wire_message_init(&m);
    wire_message_init(&copy);
    build(&m, rule, set, rule->max_fds);
    ck_assert_int_eq(wire_check(&m, rule->senders, &why), 0);
    ck_assert_ptr_null(why);
    ck_assert_int_eq(wire_type(&m), rule->type);
    ck_assert_uint_eq(wire_request_id(&m), 4711);
    ck_assert_str_eq(wire_type_name(rule->type), rule->name);
    wire_copy(&copy, &m);
    ck_assert_uint_eq(copy.n_fds, 0);
    for (unsigned id = 1; id < FIELD_COUNT; id++) {
        if ((set >> id & 1) != 0) {
            expect_something(&m, field_of(id));
            expect_something(&copy, field_of(id));
        } else {
            ck_assert(!wire_has(&m, (enum wire_field)id));
        }
    }
    wire_message_clear(&m);
    wire_message_clear(&copy);
}
END_TEST

START_TEST(every_message_passes_with_what_it_must_have_only)
{
    const struct message *rule = &messages[_i];
    struct wire_message m;

    wire_message_init(&m);
    build(&m, rule, rule->needs, rule->min_fds);
    ck_assert_int_eq(wire_check(&m, rule->senders, NULL), 0);
    wire_message_clear(&m);
}
END_TEST

START_TEST(every_message_is_refused_without_a_needed_field)
{
    const struct message *rule = &messages[_i];
    struct wire_message m;

    wire_message_init(&m);
    for (unsigned id = 1; id < FIELD_COUNT; id++) {
        const wire_field_set bit = (wire_field_set)1 << id;

        if ((rule->needs & bit) != 0) {
            build(&m, rule, rule->needs & ~bit, rule->min_fds);
            ck_assert_int_eq(wire_check(&m, rule->senders, NULL), -EPROTO);
        } else if ((rule->takes & bit) == 0) {
            build(&m, rule, rule->needs | bit, rule->min_fds);
            ck_assert_int_eq(wire_check(&m, rule->senders, NULL), -EPROTO);
        }
    }
    wire_message_clear(&m);
}
END_TEST

START_TEST(every_message_is_refused_from_others_and_with_other_descriptors)
{
    const struct message *rule = &messages[_i];
    struct wire_message m;

    wire_message_init(&m);
    build(&m, rule, rule->needs, rule->min_fds);
    ck_assert_int_eq(wire_check(&m, ANYBODY & ~rule->senders, NULL), -EPROTO);
    ck_assert_int_eq(wire_check(&m, 0, NULL), -EPROTO);
    if (rule->min_fds > 0) {
        build(&m, rule, rule->needs, rule->min_fds - 1);
        ck_assert_int_eq(wire_check(&m, rule->senders, NULL), -EPROTO);
    }
    if (rule->max_fds < WIRE_MAX_FDS) {
        build(&m, rule, rule->needs, rule->max_fds + 1);
        ck_assert_int_eq(wire_check(&m, rule->senders, NULL), -EPROTO);
    }
    wire_message_clear(&m);
}
END_TEST

/* Lengths around each border of a text, list or bytes field. */
START_TEST(every_field_keeps_its_limit)
{
    const struct field *f = &fields[_i];
    char *bytes = malloc(f->max + 1);
    struct wire_message m;
    size_t len;

    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 'x', f->max + 1);
    wire_message_init(&m);
    if (f->kind >= IS_TEXT) {
        const size_t lens[] = { 0, 1, 2, 3, 4, 5, f->max - 1, f->max,
                                f->max + 1 };

        for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
            const size_t n = lens[i];
            int rc;

            if (f->kind == IS_LIST && n > 0) {
                bytes[n - 1] = '\0';
            }
            wire_message_begin(&m, MSG_DEFINE, 0);
            rc = wire_put_bytes(&m, f->id, bytes, n);
            ck_assert_int_eq(rc, n <= f->max ? 0 : -EMSGSIZE);
            ck_assert(wire_has(&m, f->id) == (n <= f->max));
            if (rc == 0) {
                const char *got = wire_get_text(&m, f->id, &len);

                ck_assert_uint_eq(len, n);
                ck_assert(n == 0 || memcmp(got, bytes, n) == 0);
                ck_assert(f->kind != IS_TEXT || got[n] == '\0');
            }
            memset(bytes, 'x', f->max + 1);
        }
    }
    wire_message_clear(&m);
    free(bytes);
}
END_TEST

START_TEST(field_takes_its_own_kind_once)
{
    const struct field *f = &fields[_i];
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_DEFINE, 0);
    ck_assert(wire_put_u32(&m, f->id, 1) == (f->kind == IS_U32 ? 0 : -EINVAL));
    ck_assert(wire_put_u64(&m, f->id, 1) == (f->kind == IS_U64 ? 0 : -EINVAL));
    ck_assert(wire_put_text(&m, f->id, "") ==
              (f->kind >= IS_TEXT ? 0 : -EINVAL));
    ck_assert_int_eq(put_something(&m, f), -EINVAL);
    wire_message_clear(&m);
}
END_TEST

START_TEST(text_with_nul_and_list_without_are_refused)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_DEFINE, 0);
    ck_assert_int_eq(wire_put_bytes(&m, FIELD_ROOT, "a\0b", 3), -EINVAL);
    ck_assert_int_eq(wire_put_bytes(&m, FIELD_ROOT, "ab", 3), -EINVAL);
    ck_assert_int_eq(wire_put_bytes(&m, FIELD_SETENV, "a", 1), -EINVAL);
    ck_assert_int_eq(wire_put_bytes(&m, FIELD_SETENV, "a\0\0b\0", 5), 0);
    ck_assert_int_eq(wire_put_bytes(&m, FIELD_REPORT, "a\0b", 3), 0);
    ck_assert_int_eq(wire_put_bytes(&m, FIELD_COMMAND, NULL, 0), 0);
    wire_message_clear(&m);
}
END_TEST

START_TEST(absent_fields_read_as_absent)
{
    struct wire_message m;
    size_t len = 1;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_GET, 1);
    ck_assert_int_eq(wire_put_text(&m, FIELD_ROOT, ""), 0);
    ck_assert_str_eq(wire_get_text(&m, FIELD_ROOT, &len), "");
    ck_assert_uint_eq(len, 0);
    len = 1;
    ck_assert_ptr_null(wire_get_text(&m, FIELD_LOWEST_USER, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_APP, 17), 17);
    ck_assert_uint_eq(wire_get_u64(&m, FIELD_AGE_US, 18), 18);
    ck_assert_int_eq(wire_take_fd(&m, 0), -1);
    ck_assert_str_eq(wire_type_name((enum wire_type)120), "?");
    ck_assert_str_eq(wire_type_name(MSG_LIMIT), "?");
    ck_assert_str_eq(wire_status_name((enum wire_status)99), "?");
    wire_message_clear(&m);
}
END_TEST

START_TEST(message_keeps_its_limit)
{
    struct wire_message m;
    char *text = malloc(WIRE_MAX_STRING + 1);
    size_t before;

    memset(text, 'x', WIRE_MAX_STRING);
    text[WIRE_MAX_STRING] = '\0';
    wire_message_init(&m);
    wire_message_begin(&m, MSG_REFUSED, 1);
    ck_assert_int_eq(wire_put_u32(&m, FIELD_STATUS, STATUS_SPAWN_FAILED), 0);
    ck_assert_int_eq(wire_put_text(&m, FIELD_MESSAGE, text), 0);
    ck_assert_int_eq(wire_put_text(&m, FIELD_PAGE, text), 0);
    ck_assert_int_eq(wire_check(&m, FROM_ENGINE, NULL), 0);
    before = m.len;
    text[32768 - 1] = '\0';
    ck_assert_int_eq(wire_put_bytes(&m, FIELD_COMMAND, text, 32768),
                     -EMSGSIZE);
    ck_assert_uint_eq(m.len, before);
    ck_assert(!wire_has(&m, FIELD_COMMAND));
    ck_assert_int_eq(wire_check(&m, FROM_ENGINE, NULL), 0);
    wire_message_clear(&m);
    free(text);
}
END_TEST

START_TEST(fifth_descriptor_is_refused_and_closed)
{
    struct wire_message m;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int kept = fd;
    int taken;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_CHANNEL, 1);
    put_fds(&m, WIRE_MAX_FDS);
    ck_assert_int_eq(wire_put_fd(&m, &fd), -EMSGSIZE);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_lt(fcntl(kept, F_GETFD), 0);
    taken = wire_take_fd(&m, 2);
    ck_assert_int_ge(taken, 0);
    ck_assert_int_eq(wire_take_fd(&m, 2), -1);
    ck_assert_int_eq(wire_take_fd(&m, WIRE_MAX_FDS), -1);
    wire_message_begin(&m, MSG_PING, 1); /* closes the other three */
    ck_assert_int_ge(fcntl(taken, F_GETFD), 0);
    close(taken);
    wire_message_clear(&m);
    wire_message_clear(&m);
}
END_TEST

/* Raw bytes, as a hostile peer would send them. */
struct raw {
    struct wire_header header;
    uint8_t payload[64];
};

static int check_raw(const struct raw *raw, size_t len)
{
    struct wire_message m;
    const char *why = NULL;
    int rc;

    wire_message_init(&m);
    m.data = malloc(len); /* exact, so that reading beyond is seen */
    memcpy(m.data, raw, len);
    m.len = m.size = len;
    rc = wire_check(&m, FROM_CLIENT, &why);
    ck_assert((rc == 0) == (why == NULL));
    wire_message_clear(&m);
    return rc;
}

static struct raw raw_return(void)
{
    static const uint8_t slot[] = { FIELD_SLOT, 0, 0, 0, 4, 0, 0, 0,
                                    9, 0, 0, 0 };
    struct raw raw = { .header = { .version = APPPOOL_WIRE_VERSION,
                                   .type = MSG_RETURN,
                                   .length = sizeof(slot) } };

    memcpy(raw.payload, slot, sizeof(slot));
    return raw;
}

#define RAW_LEN (sizeof(struct wire_header) + 12)

START_TEST(header_must_be_right)
{
    struct raw raw = raw_return();

    ck_assert_int_eq(check_raw(&raw, RAW_LEN), 0);
    for (size_t len = 1; len < RAW_LEN; len++) {
        ck_assert_int_eq(check_raw(&raw, len), -EPROTO);
    }
    ck_assert_int_eq(check_raw(&raw, RAW_LEN + 1), -EPROTO);
    raw.header.version++;
    ck_assert_int_eq(check_raw(&raw, RAW_LEN), -EPROTO);
    raw = raw_return();
    raw.header.flags = 1;
    ck_assert_int_eq(check_raw(&raw, RAW_LEN), -EPROTO);
    raw = raw_return();
    raw.header.length = UINT32_MAX;
    ck_assert_int_eq(check_raw(&raw, RAW_LEN), -EPROTO);
    for (int type = 0; type < 256; type++) {
        raw = raw_return();
        raw.header.type = (uint8_t)type;
        ck_assert((check_raw(&raw, RAW_LEN) == 0) ==
                  (type == MSG_RETURN || type == MSG_CLOSED));
    }
}
END_TEST

START_TEST(field_heads_must_be_right)
{
    struct raw raw = raw_return();

    raw.payload[2] = 1; /* zero */
    ck_assert_int_eq(check_raw(&raw, RAW_LEN), -EPROTO);
    for (int id = 0; id < 256; id++) {
        raw = raw_return();
        raw.payload[0] = (uint8_t)id;
        ck_assert((check_raw(&raw, RAW_LEN) == 0) == (id == FIELD_SLOT));
    }
    for (int shift = 0; shift < 32; shift++) {
        uint32_t len = (uint32_t)1 << shift;

        raw = raw_return();
        memcpy(raw.payload + 4, &len, sizeof(len));
        ck_assert((check_raw(&raw, RAW_LEN) == 0) == (len == 4));
        len = UINT32_MAX - len;
        memcpy(raw.payload + 4, &len, sizeof(len));
        ck_assert_int_eq(check_raw(&raw, RAW_LEN), -EPROTO);
    }
}
END_TEST

START_TEST(field_twice_or_padding_or_nul_is_refused)
{
    static const uint8_t text[] = { FIELD_ROOT, 0, 0, 0, 3, 0, 0, 0,
                                    'a', 'b', 'c', 0 };
    struct raw raw = raw_return();

    memcpy(raw.payload + 12, raw.payload, 12);
    raw.header.length = 24;
    ck_assert_int_eq(check_raw(&raw, RAW_LEN + 12), -EPROTO);

    raw = (struct raw){ .header = raw_return().header };
    raw.header.type = MSG_GET;
    memcpy(raw.payload, text, sizeof(text));
    ck_assert_int_eq(check_raw(&raw, RAW_LEN), 0);
    raw.payload[11] = 'd';
    ck_assert_int_eq(check_raw(&raw, RAW_LEN), -EPROTO);
    raw.payload[4] = 4; /* "abcd" without a zero after it */
    ck_assert_int_eq(check_raw(&raw, RAW_LEN), -EPROTO);
    memcpy(raw.payload, text, sizeof(text));
    raw.payload[9] = 0;
    ck_assert_int_eq(check_raw(&raw, RAW_LEN), -EPROTO);
}
END_TEST

START_TEST(texts_of_a_list_come_one_after_another)
{
    struct wire_message m;
    const char *text;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_DEFINE, 1);
    ck_assert_ptr_null(wire_list_next(&m, FIELD_COMMAND, NULL));
    ck_assert_int_eq(wire_put_bytes(&m, FIELD_COMMAND, "one\0\0three\0", 11),
                     0);
    text = wire_list_next(&m, FIELD_COMMAND, NULL);
    ck_assert_str_eq(text, "one");
    text = wire_list_next(&m, FIELD_COMMAND, text);
    ck_assert_str_eq(text, "");
    text = wire_list_next(&m, FIELD_COMMAND, text);
    ck_assert_str_eq(text, "three");
    ck_assert_ptr_null(wire_list_next(&m, FIELD_COMMAND, text));
    wire_message_clear(&m);
}
END_TEST

START_TEST(messages_are_loaded_one_after_another)
{
    struct wire_message m, loaded;
    uint8_t file[512];
    size_t len = 0, at = 0;
    ssize_t n;

    wire_message_init(&m);
    wire_message_init(&loaded);
    for (unsigned i = 0; i < 3; i++) {
        wire_message_begin(&m, MSG_RETURN, i + 1);
        ck_assert_int_eq(wire_put_u32(&m, FIELD_SLOT, i), 0);
        memcpy(file + len, m.data, m.len);
        len += m.len;
    }
    for (unsigned i = 0; i < 3; i++) {
        n = wire_load(&loaded, file + at, len - at, FROM_CLIENT, NULL);
        ck_assert_int_eq(n, (ssize_t)m.len);
        ck_assert_uint_eq(wire_get_u32(&loaded, FIELD_SLOT, 9), i);
        ck_assert_uint_eq(wire_request_id(&loaded), i + 1);
        at += (size_t)n;
    }
    ck_assert_int_eq(wire_load(&loaded, file + at, 0, FROM_CLIENT, NULL), 0);
    for (size_t cut = 1; cut < m.len; cut++) {
        ck_assert_int_eq(wire_load(&loaded, file, cut, FROM_CLIENT, NULL),
                         -EPROTO);
    }
    ck_assert_int_eq(wire_load(&loaded, file, len, FROM_ENGINE, NULL),
                     -EPROTO);
    wire_message_clear(&m);
    wire_message_clear(&loaded);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire_message");
    TCase *c = program_case(suite, "message", leaks_begin, leaks_end);

    tcase_add_loop_test(c, every_message_passes_with_all_it_may_have, 0,
                        N_MESSAGES);
    tcase_add_loop_test(c, every_message_passes_with_what_it_must_have_only, 0,
                        N_MESSAGES);
    tcase_add_loop_test(c, every_message_is_refused_without_a_needed_field, 0,
                        N_MESSAGES);
    tcase_add_loop_test(
        c, every_message_is_refused_from_others_and_with_other_descriptors, 0,
        N_MESSAGES);
    tcase_add_loop_test(c, every_field_keeps_its_limit, 0, N_FIELDS);
    tcase_add_loop_test(c, field_takes_its_own_kind_once, 0, N_FIELDS);
    tcase_add_test(c, text_with_nul_and_list_without_are_refused);
    tcase_add_test(c, absent_fields_read_as_absent);
    tcase_add_test(c, message_keeps_its_limit);
    tcase_add_test(c, fifth_descriptor_is_refused_and_closed);
    tcase_add_test(c, header_must_be_right);
    tcase_add_test(c, field_heads_must_be_right);
    tcase_add_test(c, field_twice_or_padding_or_nul_is_refused);
    tcase_add_test(c, texts_of_a_list_come_one_after_another);
    tcase_add_test(c, messages_are_loaded_one_after_another);
    return program_run(suite);
}
