/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_module_http.c - the module's HTTP to applications, both ways.
 *
 * Every response is also cut short at each offset: only what may end there is a
 * whole response.
 */
#include "http.h"
#include "program.h"
#include "response_world.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct app_request get = {.method = "GET"};
static const struct app_request head_of = {.method = "HEAD"};
static const struct app_request upgrade = {.method = "GET",
                                           .wants_upgrade = true};

/* A whole response; what is shorter is none, unless its end is the end. */
static struct outcome expect(const struct app_request *request,
                             const char *data, const char *body,
                             size_t left_over)
{
    size_t len = strlen(data), cut;
    struct outcome out = feed_all_ways(&protocol_http, request, data, len);

    expect_body(&out, body);
    ck_assert_uint_eq(out.left_over, left_over);
    for (cut = 0; cut < len - left_over; cut++) {
        struct outcome part = feed(&protocol_http, request, data, cut, len,
                                   len);

        ck_assert_msg(part.response->error != NULL ||
                          (!out.response->is_measured &&
                           !out.response->can_keep),
                      "whole after %zu bytes", cut);
    }
    return out;
}

static void expect_no_response(const char *data, size_t len,
                               enum app_fault fault, const char *words)
{
    struct outcome out = feed_all_ways(&protocol_http, &get, data, len);

    expect_fault(&out, fault, words);
}

START_TEST(a_response_ends_with_its_length_and_the_connection_is_kept)
{
    struct outcome out = expect(&get, "HTTP/1.1 404 Not Here\r\n"
                                "Content-Type: text/plain\r\n"
                                "Content-Length: 5\r\n\r\nhelloHTTP", "hello",
                                4);

    ck_assert_int_eq(out.response->status, 404);
    ck_assert_str_eq(out.response->status_line, "404 Not Here");
    ck_assert(out.response->can_keep);
    ck_assert(out.response->is_measured);
    ck_assert_int_eq(out.response->content_length, 5);
    ck_assert_ptr_null(header(&out, "Content-Length"));
    ck_assert_str_eq(header(&out, "Content-Type"), "text/plain");
}
END_TEST

START_TEST(chunks_are_put_together_and_trailers_dropped)
{
    struct outcome out = expect(
        &get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
        "3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\n"
        "Set-Cookie: late=1\r\n\r\nX", "abc0123456789", 1);

    ck_assert(out.response->can_keep);
    ck_assert(!out.response->is_measured);
    ck_assert_ptr_null(header(&out, "Set-Cookie"));
    ck_assert_ptr_null(header(&out, "Transfer-Encoding"));
}
END_TEST

START_TEST(without_length_or_chunks_the_end_of_the_connection_counts)
{
    struct outcome out = expect(&get, "HTTP/1.0 200\r\nA: b\r\n\r\nabc", "abc",
                                0);

    ck_assert(!out.response->can_keep);
    ck_assert_ptr_null(out.response->status_line);
}
END_TEST

START_TEST(a_connection_is_kept_only_when_both_versions_say_so)
{
    static const struct {
        const char *lines;
        bool is_kept;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n", true},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n", false},
        {"HTTP/1.1 200 OK\r\nConnection: x , CLOSE\r\n", false},
        {"HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: close\r\n", false},
        {"HTTP/1.1 200 OK\r\nConnection: closer\r\n", true},
        {"HTTP/1.0 200 OK\r\n", false},
        {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", true}};
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct outcome out = expect(
            &get, apr_pstrcat(pool, cases[i].lines,
                              "Content-Length: 1\r\n\r\nx", NULL), "x", 0);

        ck_assert_msg(out.response->can_keep == cases[i].is_kept, "%s",
                      cases[i].lines);
    }
}
END_TEST

START_TEST(hops_stop_here_and_so_does_what_connection_names)
{
    struct outcome out = expect(&get, "HTTP/1.1 200 OK\r\n"
                                "Connection: X-Hop, keep-alive\r\n"
                                "Keep-Alive: timeout=5\r\nX-Hop: 1\r\n"
                                "Proxy-Connection: a\r\nTE: a\r\n"
                                "Trailer: a\r\nUpgrade: h2c\r\n"
                                "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
                                "Content-Length: 0\r\n\r\n", "", 0);
    const apr_array_header_t *all = apr_table_elts(out.response->headers);
    const apr_table_entry_t *entries =
        (const apr_table_entry_t *)(const void *)all->elts;

    ck_assert_int_eq(all->nelts, 2);
    ck_assert_str_eq(entries[0].val, "a=1");
    ck_assert_str_eq(entries[1].val, "b=2");
}
END_TEST

START_TEST(what_has_no_body_ends_with_its_header)
{
    struct outcome out = expect(&head_of, "HTTP/1.1 200 OK\r\n"
                                "Content-Length: 9\r\n\r\n", "", 0);

    ck_assert_int_eq(out.response->content_length, 9);
    ck_assert(out.response->can_keep);
    expect(&head_of, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
           "", 0);
    out = expect(&get, "HTTP/1.1 204 No Content\r\n\r\nxx", "", 2);
    ck_assert(out.response->can_keep);
    out = expect(&get, "HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nxx", "",
                 2);
    ck_assert(!out.response->can_keep);
    expect(&get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "",
           0);
}
END_TEST

START_TEST(early_hints_come_out_and_other_interim_responses_do_not)
{
    struct outcome out = expect(
        &get, "HTTP/1.1 100 Continue\r\n\r\n"
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Early: 1\r\n\r\n"
        "HTTP/1.1 102 Processing\r\nConnection: close\r\n\r\n"
        "HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 0);

    ck_assert_str_eq(out.hints, "</a>;</b>;");
    ck_assert_int_eq(out.response->status, 200);
    ck_assert_ptr_null(header(&out, "X-Early"));
    ck_assert(out.response->can_keep);
}
END_TEST

START_TEST(a_switch_of_protocols_ends_the_header_and_takes_nothing_more)
{
    struct outcome out = feed_all_ways(
        &protocol_http, &upgrade,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n\x81\x02hi",
        strlen("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n") + 4);

    ck_assert(out.response->is_upgraded);
    ck_assert_uint_eq(out.left_over, 4);
    ck_assert_str_eq(header(&out, "Upgrade"), "websocket");
    ck_assert_str_eq(header(&out, "Sec-WebSocket-Accept"), "x");
    ck_assert_ptr_null(header(&out, "Connection"));
    expect(&upgrade, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", "no",
           0);
}
END_TEST

START_TEST(what_two_parsers_could_read_differently_is_refused)
{
#define OK "HTTP/1.1 200 OK\r\n"
    static const struct {
        const char *data, *words;
    } cases[] = {
        {"\r\n", "no status line"},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", "no status line"},
        {"Status: 200 OK\r\n\r\n", "no status line"},
        {"HTTP/2 200 OK\r\n\r\n", "no status line"},
        {"HTTP/1.1  200 OK\r\n\r\n", "no status line"},
        {"HTTP/1.1 20 OK\r\n\r\n", "no status line"},
        {"HTTP/1.1 2000 OK\r\n\r\n", "no status line"},
        {"HTTP/1.1 099 OK\r\n\r\n", "no status line"},
        {"HTTP/1.1 200 a\x01\r\n\r\n", "no status line"},
        {"http/1.1 200 OK\r\n\r\n", "no status line"},
        {"HTTP/1.1\r\n\r\n", "no status line"},
        {OK "no colon\r\n\r\n", "no colon"},
        {OK "A : b\r\n\r\n", "no proper name"},
        {OK ": b\r\n\r\n", "no proper name"},
        {OK "A: b\r\n folded: c\r\n\r\n", "no proper name"},
        {OK "A: b\r\n folded\r\n\r\n", "no colon"},
        {OK "A: b\rC: d\r\n\r\n", "control character"},
        {OK "A: b\x7f\r\n\r\n", "control character"},
        {OK "Content-Length: 1, 1\r\n\r\n", "Content-Length"},
        {OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
         "Content-Length"},
        {OK "Content-Length: +1\r\n\r\n", "Content-Length"},
        {OK "Content-Length: 0x1\r\n\r\n", "Content-Length"},
        {OK "Content-Length:\r\n\r\n", "Content-Length"},
        {OK "Content-Length: 18446744073709551617\r\n\r\n", "Content-Length"},
        {OK "Transfer-Encoding: gzip, chunked\r\n\r\n", "Transfer-Encoding"},
        {OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
         "Transfer-Encoding"},
        {OK "Transfer-Encoding: identity\r\n\r\n", "Transfer-Encoding"},
        {OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
         "and a Content-Length"},
        {OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
         "and a Content-Length"},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0"},
        {"HTTP/1.1 101 Switching\r\n\r\n", "asked for no other protocol"}};
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_no_response(cases[i].data, strlen(cases[i].data),
                     FAULT_HEADER_BAD, cases[i].words);
    }
    expect_no_response(OK "A: b\0c\r\n\r\n", 27, FAULT_HEADER_BAD, "NUL");
}
END_TEST

START_TEST(a_body_that_makes_no_sense_or_is_cut_is_no_end)
{
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
    static const char *const bad[] = {
        "zz\r\n", "\r\n", "-1\r\n", "0x1\r\n", " 1\r\n", "1 x\r\n", "1\r\r\n",
        "1234567890abcdef1\r\n", "1\r\nabc", "1\r\na\r\r\n"};
    static const char *const cut[] = {"", "5\r\nabc", "5\r\nabcde\r\n",
                                      "0\r\n", "0\r\nA: b\r\n"};
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *data = apr_pstrcat(pool, CHUNKED, bad[i], NULL);

        expect_no_response(data, strlen(data), FAULT_BODY_BAD,
                     "broken chunk");
    }
    for (i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        const char *data = apr_pstrcat(pool, CHUNKED, cut[i], NULL);

        expect_no_response(data, strlen(data), FAULT_BODY_CUT, "within");
    }
    expect_no_response("", 0, FAULT_NOTHING, "without a response");
    expect_no_response(OK, strlen(OK), FAULT_HEADER_CUT, "header");
}
END_TEST

/* A stream of events has a chunk for each. */
START_TEST(a_stream_may_have_any_number_of_chunks_but_not_of_extensions)
{
    struct app_response *response = protocol_http.open(pool, &get, LIMIT);
    struct app_piece piece;
    unsigned i, n;

    protocol_http.feed(response, CHUNKED, strlen(CHUNKED), &piece);
    for (i = n = 0; i < 200000 && response->error == NULL; i++) {
        protocol_http.feed(response, "1\r\na", 4, &piece);
        n += piece.kind == PIECE_BODY;
        protocol_http.feed(response, "\r\n", 2, &piece);
    }
    ck_assert_uint_eq(n, 200000);
    for (i = 0; i < 200000 && response->error == NULL; i++) {
        protocol_http.feed(response, "1;x\r\na", 6, &piece);
        protocol_http.feed(response, "\r\n", 2, &piece);
    }
    ck_assert_int_eq(response->fault, FAULT_BODY_BAD);
}
END_TEST

START_TEST(a_header_may_have_its_limit_and_no_byte_more)
{
    char data[LIMIT + 2];
    size_t line = strlen(OK);
    struct outcome out;

    memset(data, 'x', sizeof(data));
    memcpy(data, OK "A: ", line + 3);
    memcpy(data + LIMIT - 4, "\r\n\r\n", 4);
    out = feed(&protocol_http, &get, data, LIMIT, 7, 7);
    ck_assert(out.response->header_done);
    memset(data + LIMIT - 4, 'x', 4);
    memcpy(data + LIMIT - 3, "\r\n\r\n", 4);
    out = feed(&protocol_http, &get, data, LIMIT + 1, 7, 7);
    ck_assert_int_eq(out.response->fault, FAULT_HEADER_LARGE);
    ck_assert_ptr_nonnull(strstr(out.response->error,
                                 "PoolResponseHeaderLimit (4 KiB)"));
}
END_TEST

START_TEST(headers_and_interim_responses_have_a_greatest_number)
{
    struct app_response *response = protocol_http.open(pool, &get, 1 << 20);
    struct app_piece piece;
    unsigned i;

    protocol_http.feed(response, OK, strlen(OK), &piece);
    for (i = 0; i < 1001; i++) {
        protocol_http.feed(response, "A: b\r\n", 6, &piece);
    }
    protocol_http.feed(response, "\r\n", 2, &piece);
    ck_assert_int_eq(response->fault, FAULT_HEADER_LARGE);
    response = protocol_http.open(pool, &get, LIMIT);
    for (i = 0; i < 101 && response->error == NULL; i++) {
        protocol_http.feed(response, "HTTP/1.1 100 C\r\n\r\n", 18, &piece);
    }
    ck_assert_uint_eq(i, 101);
    ck_assert_int_eq(response->fault, FAULT_HEADER_BAD);
}
END_TEST

/* Requests */

static const char *head_with(struct app_request *request, const char *value)
{
    apr_table_t *headers = apr_table_make(pool, 4);
    apr_size_t len;
    const char *text;

    apr_table_addn(headers, "Host", "a.test");
    apr_table_addn(headers, "X-A", value);
    request->p = pool;
    request->target = "/x%2fy?q";
    request->headers = headers;
    text = protocol_http.make_head(request, &len);
    return apr_pstrmemdup(pool, text, len);
}

static const char *head(struct app_request *request)
{
    return head_with(request, "b");
}

START_TEST(a_head_says_how_long_the_body_is)
{
    struct app_request request = {.method = "GET"};

    ck_assert_str_eq(head(&request), "GET /x%2fy?q HTTP/1.1\r\n"
                     "Host: a.test\r\nX-A: b\r\n\r\n");
    request = (struct app_request){.method = "POST", .has_body = true};
    ck_assert_str_eq(head(&request), "POST /x%2fy?q HTTP/1.1\r\n"
                     "Host: a.test\r\nX-A: b\r\nContent-Length: 0\r\n\r\n");
    request.body_len = APR_INT64_C(5000000000);
    ck_assert_ptr_nonnull(strstr(head(&request),
                                 "\r\nContent-Length: 5000000000\r\n\r\n"));
    request.body_len = -1;
    ck_assert_ptr_nonnull(strstr(head(&request),
                                 "\r\nTransfer-Encoding: chunked\r\n\r\n"));
}
END_TEST

START_TEST(no_line_end_within_a_value_gets_out)
{
    struct app_request request = {.method = "GET"};

    ck_assert_str_eq(head_with(&request, "b\r\nX-C: d\n\x7f\te"),
                     "GET /x%2fy?q HTTP/1.1\r\n"
                     "Host: a.test\r\nX-A: b  X-C: d  \te\r\n\r\n");
}
END_TEST

START_TEST(a_body_without_length_goes_out_in_chunks)
{
    struct app_request request = {.body_len = -1};
    struct app_wrapping w = {.before_len = 0};

    ck_assert_uint_eq(protocol_http.wrap(&request, 65528, &w), 65528);
    ck_assert_uint_eq(w.before_len, 6);
    ck_assert_mem_eq(w.before, "fff8\r\n", 6);
    ck_assert_uint_eq(w.after_len, 2);
    ck_assert_mem_eq(w.after, "\r\n", 2);
    w = (struct app_wrapping){.before_len = 0};
    protocol_http.wrap(&request, 0, &w);
    ck_assert_mem_eq(w.before, "0\r\n\r\n", 5);
    ck_assert_uint_eq(w.before_len, 5);
    request.body_len = 9;
    w = (struct app_wrapping){.before_len = 0};
    ck_assert_uint_eq(protocol_http.wrap(&request, 9, &w), 9);
    ck_assert_uint_eq(w.before_len + w.after_len, 0);
}
END_TEST

static void add_responses(Suite *suite)
{
    TCase *tests = program_case(suite, "responses", response_world_begin,
                                response_world_end);

    tcase_add_test(tests,
                   a_response_ends_with_its_length_and_the_connection_is_kept);
    tcase_add_test(tests, chunks_are_put_together_and_trailers_dropped);
    tcase_add_test(tests,
                   without_length_or_chunks_the_end_of_the_connection_counts);
    tcase_add_test(tests, a_connection_is_kept_only_when_both_versions_say_so);
    tcase_add_test(tests, hops_stop_here_and_so_does_what_connection_names);
    tcase_add_test(tests, what_has_no_body_ends_with_its_header);
    tcase_add_test(tests,
                   early_hints_come_out_and_other_interim_responses_do_not);
    tcase_add_test(
        tests, a_switch_of_protocols_ends_the_header_and_takes_nothing_more);
    tcase_add_test(tests, what_two_parsers_could_read_differently_is_refused);
    tcase_add_test(tests, a_body_that_makes_no_sense_or_is_cut_is_no_end);
    tcase_add_test(
        tests, a_stream_may_have_any_number_of_chunks_but_not_of_extensions);
    tcase_add_test(tests, a_header_may_have_its_limit_and_no_byte_more);
    tcase_add_test(tests, headers_and_interim_responses_have_a_greatest_number);
}

static void add_requests(Suite *suite)
{
    TCase *tests = program_case(suite, "requests", response_world_begin,
                                response_world_end);

    tcase_add_test(tests, a_head_says_how_long_the_body_is);
    tcase_add_test(tests, no_line_end_within_a_value_gets_out);
    tcase_add_test(tests, a_body_without_length_goes_out_in_chunks);
}

int main(void)
{
    Suite *suite = suite_create("module_http");

    add_responses(suite);
    add_requests(suite);
    return program_run(suite);
}
