/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_module_fcgi.c - the module's FastCGI, both ways.
 */
#include "fcgi.h"
#include "program.h"
#include "response_world.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#define WIRE_MAX 200000

static apr_table_t *env;

static void set_up(void)
{
    response_world_begin();
    env = apr_table_make(pool, 8);
}

/* Requests ----------------------------------------------------------------- */

/* What a head says, read as the specification has it. */
struct told {
    unsigned n_records;   /* of PARAMS, the empty one included */
    unsigned n_cut;       /* pairs that go on in another record */
    unsigned role, flags;
    apr_table_t *env;
    bool has_ended;
};

static size_t read_length(const unsigned char **at)
{
    const unsigned char *b = *at;

    if (b[0] < 0x80) {
        *at += 1;
        return b[0];
    }
    *at += 4;
    return (size_t)(b[0] & 0x7f) << 24 | (size_t)b[1] << 16 |
           (size_t)b[2] << 8 | b[3];
}

/* The stream of all PARAMS; ends: where each record of it ends. */
static void read_pairs(struct told *told, const unsigned char *stream,
                       size_t len, const size_t *ends)
{
    const unsigned char *at = stream;
    unsigned record = 0;

    while (at < stream + len) {
        size_t name_len = read_length(&at);
        size_t value_len = read_length(&at);
        const char *name = apr_pstrmemdup(pool, (const char *)at, name_len);

        at += name_len;
        apr_table_addn(told->env, name,
                       apr_pstrmemdup(pool, (const char *)at, value_len));
        at += value_len;
        if ((size_t)(at - stream) > ends[record]) {
            told->n_cut++;
        }
        while ((size_t)(at - stream) >= ends[record] &&
               (size_t)(at - stream) < len) {
            record++;
        }
    }
    ck_assert_ptr_eq(at, stream + len);
}

static struct told read_head(const char *head, size_t len)
{
    const unsigned char *at = (const unsigned char *)head, *end = at + len;
    struct told told = {.env = apr_table_make(pool, 8)};
    unsigned char *stream = apr_palloc(pool, len);
    size_t stream_len = 0, ends[64];

    ck_assert_uint_ge(len, 16);
    ck_assert_int_eq(memcmp(at, "\1\1\0\1\0\10\0\0", 8), 0);
    told.role = (unsigned)at[8] << 8 | at[9];
    told.flags = at[10];
    for (at += 16; at < end; ) {
        size_t content = (size_t)at[4] << 8 | at[5];

        ck_assert_int_eq(memcmp(at, "\1\4\0\1", 4), 0);
        ck_assert_int_eq(at[6], 0);
        ck_assert(!told.has_ended);
        memcpy(stream + stream_len, at + 8, content);
        stream_len += content;
        ends[told.n_records++] = stream_len;
        told.has_ended = content == 0;
        at += 8 + content;
    }
    ck_assert_ptr_eq(at, end);
    read_pairs(&told, stream, stream_len, ends);
    return told;
}

static struct told tell(apr_off_t body_len, bool has_body)
{
    struct app_request request = {.p = pool, .env = env, .body_len = body_len,
                                  .has_body = has_body};
    apr_size_t len;
    char *head = fcgi_head(&request, &len);
    struct told told = read_head(head, len);

    ck_assert(told.has_ended);
    return told;
}

static const char *of_length(size_t len)
{
    char *text = apr_palloc(pool, len + 1);

    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

START_TEST(a_request_is_for_a_responder_that_keeps_the_connection)
{
    struct told told;

    apr_table_setn(env, "REQUEST_METHOD", "GET");
    apr_table_setn(env, "QUERY_STRING", "");
    told = tell(0, false);
    ck_assert_uint_eq(told.role, 1);
    ck_assert_uint_eq(told.flags, 1);
    ck_assert_uint_eq(told.n_records, 2);
    ck_assert_str_eq(apr_table_get(told.env, "REQUEST_METHOD"), "GET");
    ck_assert_str_eq(apr_table_get(told.env, "QUERY_STRING"), "");
}
END_TEST

START_TEST(a_length_is_said_where_there_is_a_body)
{
    ck_assert_ptr_null(apr_table_get(tell(0, false).env, "CONTENT_LENGTH"));
    ck_assert_str_eq(apr_table_get(tell(0, true).env, "CONTENT_LENGTH"), "0");
    ck_assert_str_eq(apr_table_get(tell(5000000000, true).env,
                                   "CONTENT_LENGTH"), "5000000000");
    apr_table_setn(env, "CONTENT_LENGTH", "77");
    ck_assert_ptr_null(apr_table_get(tell(0, false).env, "CONTENT_LENGTH"));
}
END_TEST

START_TEST(names_and_values_of_every_length_arrive)
{
    static const size_t lengths[] = {0, 1, 126, 127, 128, 129, 255, 256, 65000};
    struct told told;

    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        apr_table_clear(env);
        apr_table_setn(env, of_length(lengths[i] + 1), of_length(lengths[i]));
        told = tell(0, false);
        ck_assert_str_eq(apr_table_get(told.env, of_length(lengths[i] + 1)),
                         of_length(lengths[i]));
    }
}
END_TEST

START_TEST(no_variable_is_cut_by_the_end_of_a_record)
{
    struct told told;

    for (int i = 0; i < 20; i++) {
        apr_table_setn(env, apr_psprintf(pool, "HTTP_X_%d", i),
                       of_length(8000 + (size_t)i * 100));
    }
    told = tell(1, true);
    ck_assert_uint_gt(told.n_records, 2);
    ck_assert_uint_eq(told.n_cut, 0);
    ck_assert_int_eq(apr_table_elts(told.env)->nelts, 21);
}
END_TEST

START_TEST(a_variable_larger_than_a_record_takes_several)
{
    struct told told;

    apr_table_setn(env, "A", "first");
    apr_table_setn(env, "B", of_length(150000));
    apr_table_setn(env, "C", "last");
    told = tell(0, false);
    ck_assert_uint_eq(told.n_cut, 1);
    ck_assert_str_eq(apr_table_get(told.env, "A"), "first");
    ck_assert_uint_eq(strlen(apr_table_get(told.env, "B")), 150000);
    ck_assert_str_eq(apr_table_get(told.env, "C"), "last");
}
END_TEST

START_TEST(records_that_are_just_full_are_told_apart)
{
    for (size_t less = 0; less < 20; less++) {
        struct told told;

        apr_table_clear(env);
        apr_table_setn(env, "A", of_length(FCGI_CONTENT_MAX - less));
        apr_table_setn(env, "B", "after");
        told = tell(0, false);
        ck_assert_uint_eq(strlen(apr_table_get(told.env, "A")),
                          FCGI_CONTENT_MAX - less);
        ck_assert_str_eq(apr_table_get(told.env, "B"), "after");
    }
}
END_TEST

START_TEST(a_body_goes_in_records_and_an_empty_one_ends_it)
{
    struct app_wrapping w = {.before_len = 0};

    ck_assert_uint_eq(protocol_fastcgi.wrap(NULL, 300, &w), 300);
    ck_assert_uint_eq(w.before_len, 8);
    ck_assert_int_eq(memcmp(w.before, "\1\5\0\1\1\54\0\0", 8), 0);
    ck_assert_uint_eq(w.after_len, 0);
    ck_assert_uint_eq(protocol_fastcgi.wrap(NULL, 1000000, &w),
                      FCGI_CONTENT_MAX);
    ck_assert_uint_eq(protocol_fastcgi.wrap(NULL, 0, &w), 0);
    ck_assert_int_eq(memcmp(w.before, "\1\5\0\1\0\0\0\0", 8), 0);
}
END_TEST

/* Responses ---------------------------------------------------------------- */

/* A response on the wire, made record by record. */
struct wire {
    char bytes[WIRE_MAX];
    size_t len;
};

static struct wire wire;

static void put_raw(unsigned version, unsigned type, unsigned id,
                    const char *content, size_t len, size_t padding)
{
    char *at = wire.bytes + wire.len;

    ck_assert_uint_le(wire.len + 8 + len + padding, sizeof(wire.bytes));
    at[0] = (char)version;
    at[1] = (char)type;
    at[2] = (char)(id >> 8);
    at[3] = (char)id;
    at[4] = (char)(len >> 8);
    at[5] = (char)len;
    at[6] = (char)padding;
    at[7] = 0;
    memcpy(at + 8, content, len);
    memset(at + 8 + len, 'P', padding);
    wire.len += 8 + len + padding;
}

static void put(enum fcgi_type type, const char *text)
{
    put_raw(1, type, 1, text, strlen(text), strlen(text) % 8);
}

static void put_end(void)
{
    put_raw(1, FCGI_END_REQUEST, 1, "\0\0\0\0\0\0\0\0", 8, 0);
}

/* What the responses answer; without a body unless a test gives it one. */
static struct app_request asked;

/* What comes out of the records that were put. */
static struct outcome run(void)
{
    struct outcome out = feed_all_ways(&protocol_fastcgi, &asked, wire.bytes,
                                       wire.len);

    wire.len = 0;
    return out;
}

static void expect_error(enum app_fault fault, const char *part)
{
    struct outcome out = run();

    expect_fault(&out, fault, part);
    ck_assert(!out.response->can_keep);
}

START_TEST(a_response_comes_out_of_its_records)
{
    struct outcome out;

    put(FCGI_STDOUT, "Status: 404 Not Found\r\nContent-Ty");
    put(FCGI_STDOUT, "pe: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
                     "\r\nhel");
    put(FCGI_STDOUT, "lo, wor");
    put(FCGI_STDOUT, "ld");
    put(FCGI_STDOUT, "");
    put_end();
    out = run();
    ck_assert_ptr_null(out.response->error);
    ck_assert_int_eq(out.response->status, 404);
    ck_assert_str_eq(out.response->status_line, "404 Not Found");
    ck_assert_int_eq(apr_table_elts(out.response->headers)->nelts, 3);
    ck_assert_uint_eq(out.body_len, strlen("hello, world"));
    ck_assert_int_eq(memcmp(out.body, "hello, world", out.body_len), 0);
    ck_assert(out.response->has_ended);
    ck_assert(out.response->can_keep);
    ck_assert_uint_eq(out.left_over, 0);
}
END_TEST

START_TEST(text_for_the_log_may_stand_anywhere)
{
    struct outcome out;

    put(FCGI_STDERR, "one ");
    put(FCGI_STDOUT, "Content-Type: a/b\r\n");
    put(FCGI_STDERR, "two ");
    put(FCGI_STDOUT, "\r\nbody");
    put(FCGI_STDERR, "three");
    put(FCGI_STDERR, "");
    put_end();
    out = run();
    ck_assert_ptr_null(out.response->error);
    ck_assert_uint_eq(out.log_len, strlen("one two three"));
    ck_assert_int_eq(memcmp(out.log, "one two three", out.log_len), 0);
    ck_assert_uint_eq(out.body_len, 4);
}
END_TEST

START_TEST(a_response_without_body_is_whole)
{
    struct outcome out;

    put(FCGI_STDOUT, "Status: 204\n\n");
    put_end();
    out = run();
    ck_assert_ptr_null(out.response->error);
    ck_assert_int_eq(out.response->status, 204);
    ck_assert(out.response->can_keep);
}
END_TEST

START_TEST(a_record_can_be_full)
{
    static char large[65535];
    struct outcome out;

    memset(large, 'b', sizeof(large));
    put(FCGI_STDOUT, "Content-Type: a/b\r\n\r\n");
    put_raw(1, FCGI_STDOUT, 1, large, sizeof(large), 255);
    put_raw(1, FCGI_STDOUT, 1, large, sizeof(large), 0);
    put_end();
    out = run();
    ck_assert_uint_eq(out.body_len, 2 * sizeof(large));
    ck_assert(out.response->can_keep);
}
END_TEST

START_TEST(records_about_the_connection_are_skipped)
{
    struct outcome out;

    put_raw(1, 11, 0, "\11\0\0\0\0\0\0\0", 8, 0);
    put(FCGI_STDOUT, "Content-Type: a/b\r\n\r\nx");
    put_raw(1, 10, 0, "abc", 3, 5);
    put_end();
    out = run();
    ck_assert_ptr_null(out.response->error);
    ck_assert_uint_eq(out.body_len, 1);
}
END_TEST

START_TEST(what_follows_the_end_is_left_over)
{
    struct outcome out;

    put(FCGI_STDOUT, "Content-Type: a/b\r\n\r\nx");
    put_end();
    put(FCGI_STDOUT, "more");
    out = run();
    ck_assert(out.response->has_ended);
    ck_assert_uint_gt(out.left_over, 0);
}
END_TEST

START_TEST(the_loaders_frame_means_nothing_here)
{
    struct outcome out;

    put(FCGI_STDOUT, "X-Apppool-Frame: 2\r\nContent-Type: a/b\r\n\r\n"
                     "long body");
    put_end();
    out = run();
    ck_assert_ptr_null(out.response->error);
    ck_assert_uint_eq(out.body_len, strlen("long body"));
}
END_TEST

START_TEST(a_missing_padding_at_the_end_only_ends_the_connection)
{
    struct outcome out;

    put(FCGI_STDOUT, "Content-Type: a/b\r\n\r\nx");
    put_raw(1, FCGI_END_REQUEST, 1, "\0\0\0\0\0\0\0\0", 8, 4);
    wire.len -= 4;
    out = run();
    ck_assert_ptr_null(out.response->error);
    ck_assert(out.response->has_ended);
    ck_assert(!out.response->can_keep);
}
END_TEST

START_TEST(a_refusal_says_which)
{
    put_raw(1, FCGI_END_REQUEST, 1, "\0\0\0\0\2\0\0\0", 8, 0);
    expect_error(FAULT_REFUSED, "overloaded");
    put_raw(1, FCGI_END_REQUEST, 1, "\0\0\0\0\3\0\0\0", 8, 0);
    expect_error(FAULT_HEADER_BAD, "no responder");
    put_raw(1, FCGI_END_REQUEST, 1, "\0\0\0\0\x99\0\0\0", 8, 0);
    expect_error(FAULT_HEADER_BAD, "unknown");
}
END_TEST

START_TEST(an_end_without_a_response_names_the_status)
{
    put(FCGI_STDERR, "it went wrong");
    put_raw(1, FCGI_END_REQUEST, 1, "\0\0\1\1\0\0\0\0", 8, 0);
    expect_error(FAULT_NOTHING, "status 257");
    put(FCGI_STDOUT, "Content-Ty");
    put_end();
    expect_error(FAULT_NOTHING, "whole header");
}
END_TEST

/* libfcgi takes what was left unread for its next request. */
START_TEST(a_connection_that_brought_a_body_is_kept_only_if_it_was_drained)
{
    for (int drains = 0; drains < 2; drains++) {
        put(FCGI_STDOUT, "Content-Type: text/plain\r\n\r\nhello");
        put_end();
        asked = (struct app_request){ .body_len = 5, .drains_body = drains };
        ck_assert_int_eq(run().response->can_keep, drains);
    }
}
END_TEST

START_TEST(what_is_no_record_is_shown)
{
    memcpy(wire.bytes, "HTTP/1.1 200 OK\r\n", wire.len = 17);
    expect_error(FAULT_HEADER_BAD, "does not speak FastCGI");
    put_raw(1, FCGI_STDOUT, 2, "x", 1, 0);
    expect_error(FAULT_HEADER_BAD, "about request 2");
    put_raw(1, FCGI_STDIN, 1, "x", 1, 0);
    expect_error(FAULT_HEADER_BAD, "type 5");
    put_raw(1, FCGI_END_REQUEST, 1, "1234567", 7, 1);
    expect_error(FAULT_HEADER_BAD, "too short");
    put(FCGI_STDOUT, "Content-Type: a/b\r\n\r\nx");
    put_raw(9, FCGI_STDOUT, 1, "x", 1, 0);
    expect_error(FAULT_BODY_BAD, "0x09060001");
}
END_TEST

START_TEST(a_bad_header_is_bad_in_records_too)
{
    put(FCGI_STDOUT, "Content-Type: a/b\r\nnonsense\r\n\r\n");
    put_end();
    expect_error(FAULT_HEADER_BAD, "no colon");
}
END_TEST

START_TEST(an_early_end_of_the_connection_is_told_by_where_it_came)
{
    expect_error(FAULT_NOTHING, "without a response");
    put(FCGI_STDERR, "segmentation fault");
    expect_error(FAULT_NOTHING, "without a response");
    put(FCGI_STDOUT, "Content-");
    expect_error(FAULT_HEADER_CUT, "header");
    put(FCGI_STDOUT, "Content-Type: a/b\r\n\r\nsome");
    expect_error(FAULT_BODY_CUT, "body");
    put(FCGI_STDOUT, "Content-Type: a/b\r\n\r\nsome");
    put_end();
    wire.len -= 3;
    expect_error(FAULT_BODY_CUT, "body");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module, fastcgi");

    ADD(suite, "request", set_up, response_world_end,
        a_request_is_for_a_responder_that_keeps_the_connection,
        a_length_is_said_where_there_is_a_body,
        names_and_values_of_every_length_arrive,
        no_variable_is_cut_by_the_end_of_a_record,
        a_variable_larger_than_a_record_takes_several,
        records_that_are_just_full_are_told_apart,
        a_body_goes_in_records_and_an_empty_one_ends_it);
    ADD(suite, "response", set_up, response_world_end,
        a_response_comes_out_of_its_records,
        text_for_the_log_may_stand_anywhere, a_response_without_body_is_whole,
        a_record_can_be_full, records_about_the_connection_are_skipped,
        what_follows_the_end_is_left_over,
        a_connection_that_brought_a_body_is_kept_only_if_it_was_drained,
        the_loaders_frame_means_nothing_here,
        a_missing_padding_at_the_end_only_ends_the_connection);
    ADD(suite, "no response", set_up, response_world_end,
        a_refusal_says_which,
        an_end_without_a_response_names_the_status, what_is_no_record_is_shown,
        a_bad_header_is_bad_in_records_too,
        an_early_end_of_the_connection_is_told_by_where_it_came);
    return program_run(suite);
}
