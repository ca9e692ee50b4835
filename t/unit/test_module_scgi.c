/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_module_scgi.c - the module's protocol to the loaders, both ways.
 */
#include "program.h"
#include "response_world.h"
#include "scgi.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct app_request get = { .method = "GET" };

static struct outcome expect(const char *data, const char *body)
{
    struct outcome out = feed_all_ways(&protocol_scgi, &get, data,
                                       strlen(data));

    expect_body(&out, body);
    return out;
}

static void expect_error(const char *data, size_t len, const char *words)
{
    struct outcome out = feed_all_ways(&protocol_scgi, &get, data, len);

    expect_fault(&out, out.response->fault, words);
}

START_TEST(a_framed_response_ends_with_its_length)
{
    struct outcome out = expect("Status: 404 Not Here\r\n"
                                "X-Apppool-Frame: 5\r\n"
                                "Content-Type: text/plain\r\n\r\n"
                                "helloSTATUS", "hello");

    ck_assert_int_eq(out.response->status, 404);
    ck_assert_str_eq(out.response->status_line, "404 Not Here");
    ck_assert(out.response->can_keep);
    ck_assert_uint_eq(out.left_over, 6);
    ck_assert_ptr_null(header(&out, "X-Apppool-Frame"));
    ck_assert_str_eq(header(&out, "Content-Type"), "text/plain");
}
END_TEST

START_TEST(an_empty_body_has_ended_with_its_header)
{
    expect("Status: 204\nX-Apppool-Frame: 0\n\n", "");
}
END_TEST

START_TEST(chunks_are_put_together)
{
    struct outcome out = expect(
        "Status: 200 OK\r\nX-Apppool-Frame: chunked\r\n\r\n"
        "3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\nmore",
        "abc0123456789");

    ck_assert_uint_eq(out.left_over, 4);
}
END_TEST

START_TEST(without_a_frame_the_end_of_the_connection_counts)
{
    struct outcome out = expect("Content-Length: 9\r\n\r\nabc", "abc");

    ck_assert(!out.response->can_keep);
    ck_assert_int_eq(out.response->status, 200);
    ck_assert_int_eq(out.response->content_length, 9);
}
END_TEST

START_TEST(an_applications_own_chunks_are_undone)
{
    struct outcome out = expect(
        "Transfer-Encoding: chunked\r\nX-Apppool-Frame: 13\r\n\r\n"
        "3\r\nabc\r\n0\r\n\r\n", "abc");

    ck_assert(out.response->can_keep);
    expect("Transfer-Encoding: chunked\r\nX-Apppool-Frame: chunked\r\n"
                "\r\nd\r\n3\r\nabc\r\n0\r\n\r\n\r\n0\r\n\r\n", "abc");
}
END_TEST

START_TEST(duplicates_stay_in_order_and_hops_stop_here)
{
    struct outcome out = expect("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
                                "Connection: close\r\n"
                                "Keep-Alive: 3\r\n"
                                "X-Apppool-Frame: 0\r\n\r\n", "");
    const apr_array_header_t *all = apr_table_elts(out.response->headers);
    const apr_table_entry_t *entries =
        (const apr_table_entry_t *)(const void *)all->elts;

    ck_assert_int_eq(all->nelts, 2);
    ck_assert_str_eq(entries[0].val, "a=1");
    ck_assert_str_eq(entries[1].val, "b=2");
}
END_TEST

START_TEST(what_makes_no_sense_has_a_sentence_of_its_own)
{
    static const struct {
        const char *data, *words;
    } cases[] = {
        {"Status: abc\r\n\r\n", "status is none: 'abc'"},
        {"Status: 99\r\n\r\n", "status is none"},
        {"Status: 1000 X\r\n\r\n", "status is none"},
        {"Status: 101 Switching\r\n\r\n", "status is none"},
        {"no colon here\r\n\r\n", "no colon"},
        {"bad name: x\r\n\r\n", "no proper name"},
        {": x\r\n\r\n", "no proper name"},
        {" folded: x\r\n\r\n", "no proper name"},
        {"A: b\rc\r\n\r\n", "control character"},
        {"A: b\x01\r\n\r\n", "control character"},
        {"Content-Length: 41, 42\r\n\r\n", "Content-Length makes no sense"},
        {"Content-Length: -1\r\n\r\n", "Content-Length makes no sense"},
        {"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
         "Content-Length makes no sense"},
        {"Content-Length: 18446744073709551616\r\n\r\n",
         "Content-Length makes no sense"},
        {"Transfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding"},
        {"X-Apppool-Frame: soon\r\n\r\n", "makes no sense"},
        {"\r\n", "header is empty"},
        {"", "without a response"},
        {"Status: 200 OK\r\n", "within the response's header"},
        {"X-Apppool-Frame: 5\r\n\r\nabc", "within the response's body"},
        {"X-Apppool-Frame: chunked\r\n\r\n5\r\nabc", "response's body"},
        {"X-Apppool-Frame: chunked\r\n\r\n5\r\nabcdeXX", "broken chunk"},
        {"X-Apppool-Frame: chunked\r\n\r\nzz\r\n", "broken chunk"},
        {"X-Apppool-Frame: chunked\r\n\r\n\r\n", "broken chunk"},
        {"X-Apppool-Frame: chunked\r\n\r\n1234567890abcdef1\r\n",
         "broken chunk"},
        {"Transfer-Encoding: chunked\r\nX-Apppool-Frame: 4\r\n\r\n3\r\na",
         "within the response's body"}};
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_error(cases[i].data, strlen(cases[i].data), cases[i].words);
    }
    expect_error("A: b\0c\r\n\r\n", 10, "NUL");
}
END_TEST

START_TEST(a_header_may_have_its_limit_and_no_byte_more)
{
    char header[LIMIT + 2];
    size_t i;

    memset(header, 'x', sizeof(header));
    memcpy(header, "A: ", 3);
    memcpy(header + LIMIT - 4, "\r\n\r\n", 4);
    for (i = 1; i <= LIMIT; i *= 64) {
        struct outcome out = feed(&protocol_scgi, &get, header, LIMIT, i, i);

        ck_assert_ptr_null(out.response->error);
        ck_assert(out.response->header_done);
    }
    memset(header + LIMIT - 4, 'x', 4);
    memcpy(header + LIMIT - 3, "\r\n\r\n", 4);
    expect_error(header, LIMIT + 1, "PoolResponseHeaderLimit");
}
END_TEST

START_TEST(high_bytes_pass_and_blanks_around_values_do_not)
{
    struct outcome out = expect("A:  \xc3\xa4\tb \t\r\nB:\r\n"
                                "X-Apppool-Frame: 0\r\n\r\n", "");

    ck_assert_str_eq(header(&out, "A"), "\xc3\xa4\tb");
    ck_assert_str_eq(header(&out, "B"), "");
}
END_TEST

START_TEST(the_head_is_a_netstring_that_starts_with_the_length)
{
    apr_table_t *env = apr_table_make(pool, 4);
    static const char payload[] = "CONTENT_LENGTH\0" "7\0SCGI\0" "1\0"
        "APPPOOL_KEEPALIVE\0" "1\0REQUEST_METHOD\0GET\0EMPTY\0";
    struct app_request request = {.p = pool, .env = env, .body_len = 7};
    apr_size_t len;
    const char *head;
    char *end;
    long said;

    apr_table_setn(env, "REQUEST_METHOD", "GET");
    apr_table_setn(env, "CONTENT_LENGTH", "99");
    apr_table_setn(env, "EMPTY", "");
    apr_table_setn(env, "SCGI", "2");
    head = scgi_head(&request, &len);
    said = strtol(head, &end, 10);
    ck_assert_int_eq(*end, ':');
    ck_assert_uint_eq((size_t)said, sizeof(payload));
    ck_assert_int_eq(memcmp(end + 1, payload, sizeof(payload)), 0);
    ck_assert_int_eq(head[len - 1], ',');
    ck_assert_ptr_eq(head + len, end + 1 + said + 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module_scgi");
    TCase *tests = program_case(suite, "scgi", response_world_begin,
                                response_world_end);

    tcase_add_test(tests, a_framed_response_ends_with_its_length);
    tcase_add_test(tests, an_empty_body_has_ended_with_its_header);
    tcase_add_test(tests, chunks_are_put_together);
    tcase_add_test(tests, without_a_frame_the_end_of_the_connection_counts);
    tcase_add_test(tests, an_applications_own_chunks_are_undone);
    tcase_add_test(tests, duplicates_stay_in_order_and_hops_stop_here);
    tcase_add_test(tests, what_makes_no_sense_has_a_sentence_of_its_own);
    tcase_add_test(tests, a_header_may_have_its_limit_and_no_byte_more);
    tcase_add_test(tests, high_bytes_pass_and_blanks_around_values_do_not);
    tcase_add_test(tests, the_head_is_a_netstring_that_starts_with_the_length);
    return program_run(suite);
}
