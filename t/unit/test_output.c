/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_output.c - what applications print, line by line.
 */
#include <apr_general.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "program.h"
#include "socket.h"

struct lines {
    unsigned n;
    unsigned n_lost;
    bool is_stuck; /* the log takes nothing */
    bool is_full;  /* ... and never will */
    size_t longest;
    char last[OUTPUT_LINE_MAX + 1];
};

static apr_pool_t *pool;
static struct loop *loop;
static struct output *output;
static struct lines lines;
static int writer;

static enum output_fate on_line(void *baton, const char *line, size_t len)
{
    struct lines *seen = baton;

    if (seen->is_stuck || seen->is_full) {
        return seen->is_full ? OUTPUT_LOST : OUTPUT_LATER;
    }
    seen->n++;
    seen->longest = len > seen->longest ? len : seen->longest;
    memcpy(seen->last, line, len);
    seen->last[len] = '\0';
    return OUTPUT_TAKEN;
}

static void on_lost(void *baton, unsigned n)
{
    ((struct lines *)baton)->n_lost += n;
}

static void setup(void)
{
    int ends[2];

    apr_initialize();
    apr_pool_create(&pool, NULL);
    loop = loop_new(pool);
    memset(&lines, 0, sizeof lines);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    writer = ends[1];
    output = output_open(loop, ends[0], on_line, on_lost, &lines);
}

static void teardown(void)
{
    output_close(&output);
    ck_assert_ptr_null(output);
    fd_close(&writer);
    apr_pool_destroy(pool);
    apr_terminate();
}

static void print(const char *text)
{
    size_t len = strlen(text);

    ck_assert_int_eq(write(writer, text, len), (ssize_t)len);
    output_drain(output);
}

START_TEST(a_line_comes_when_its_newline_does)
{
    print("one");
    ck_assert_uint_eq(lines.n, 0);
    print("\ntwo\nthr");
    ck_assert_uint_eq(lines.n, 2);
    ck_assert_str_eq(lines.last, "two");
    print("ee\n");
    ck_assert_str_eq(lines.last, "three");
}
END_TEST

START_TEST(empty_lines_are_lines)
{
    print("\n\n");
    ck_assert_uint_eq(lines.n, 2);
    ck_assert_str_eq(lines.last, "");
}
END_TEST

START_TEST(a_line_of_the_greatest_length_stays_whole)
{
    char text[OUTPUT_LINE_MAX + 2];

    memset(text, 'x', OUTPUT_LINE_MAX);
    strcpy(text + OUTPUT_LINE_MAX, "\n");
    print(text);
    ck_assert_uint_eq(lines.n, 1);
    ck_assert_uint_eq(lines.longest, OUTPUT_LINE_MAX);
}
END_TEST

START_TEST(a_longer_line_comes_in_pieces)
{
    char text[OUTPUT_LINE_MAX + 12];

    memset(text, 'x', OUTPUT_LINE_MAX + 10);
    strcpy(text + OUTPUT_LINE_MAX + 10, "\n");
    print(text);
    ck_assert_uint_eq(lines.n, 2);
    ck_assert_str_eq(lines.last, "xxxxxxxxxx");
}
END_TEST

START_TEST(what_is_unfinished_at_the_end_is_given_out)
{
    print("last words");
    fd_close(&writer);
    output_drain(output);
    output_close(&output);
    ck_assert_uint_eq(lines.n, 1);
    ck_assert_str_eq(lines.last, "last words");
}
END_TEST

START_TEST(the_tail_of_a_start_is_kept_until_it_is_forgotten)
{
    char text[1025];

    memset(text, 'a', 1024);
    text[1024] = '\0';
    for (int i = 0; i < OUTPUT_TAIL / 1024; i++) {
        print(text);
    }
    print("the end");
    ck_assert_uint_eq(strlen(output_tail(output)), OUTPUT_TAIL);
    ck_assert_str_eq(output_tail(output) + OUTPUT_TAIL - 7, "the end");
    output_forget(output);
    ck_assert_str_eq(output_tail(output), "");
    print("more"); /* and nothing is kept any more */
    ck_assert_str_eq(output_tail(output), "");
}
END_TEST

/* Let the loop run until `n` lines were given, 5 s at most. */
static void turn_until(unsigned n)
{
    apr_time_t end = loop_now(loop) + apr_time_from_sec(5);

    while (lines.n < n && loop_now(loop) < end) {
        loop_turn(loop, 50000);
    }
    ck_assert_uint_eq(lines.n, n);
}

START_TEST(a_log_that_takes_nothing_gets_every_line_later)
{
    lines.is_stuck = true;
    print("one\ntwo\nthr");
    print("ee\nfour\n"); /* not read yet */
    ck_assert_uint_eq(lines.n, 0);
    lines.is_stuck = false;
    turn_until(4);
    ck_assert_str_eq(lines.last, "four");
    ck_assert_uint_eq(lines.n_lost, 0);
}
END_TEST

START_TEST(a_writer_waits_while_its_log_takes_nothing)
{
    char text[4096];

    memset(text, '\n', sizeof text);
    fd_set_nonblocking(writer, 1);
    lines.is_stuck = true;
    while (write(writer, text, sizeof text) > 0) {
        output_drain(output);
    }
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_uint_eq(lines.n, 0);
}
END_TEST

START_TEST(nobody_waits_for_a_log_that_is_full)
{
    lines.is_full = true;
    for (int i = 0; i < 100000; i++) {
        print("lost\n"); /* blocks for ever where it is not read on */
    }
    ck_assert_uint_eq(lines.n_lost, 0);
    lines.is_full = false;
    print("last\n");
    ck_assert_str_eq(lines.last, "last");
    ck_assert_uint_eq(lines.n_lost, 100000);
}
END_TEST

START_TEST(what_a_log_never_took_is_counted_at_the_end)
{
    lines.is_stuck = true;
    print("one\ntwo\nthree");
    output_close(&output);
    ck_assert_uint_eq(lines.n, 0);
    ck_assert_uint_eq(lines.n_lost, 3);
}
END_TEST

START_TEST(no_output_is_no_trouble)
{
    ck_assert_str_eq(output_tail(NULL), "");
    output_drain(NULL);
    output_forget(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("output");
    TCase *tcase = program_case(suite, "lines", setup, teardown);

    tcase_add_test(tcase, a_line_comes_when_its_newline_does);
    tcase_add_test(tcase, empty_lines_are_lines);
    tcase_add_test(tcase, a_line_of_the_greatest_length_stays_whole);
    tcase_add_test(tcase, a_longer_line_comes_in_pieces);
    tcase_add_test(tcase, what_is_unfinished_at_the_end_is_given_out);
    tcase_add_test(tcase, the_tail_of_a_start_is_kept_until_it_is_forgotten);
    tcase_add_test(tcase, a_log_that_takes_nothing_gets_every_line_later);
    tcase_add_test(tcase, a_writer_waits_while_its_log_takes_nothing);
    tcase_add_test(tcase, nobody_waits_for_a_log_that_is_full);
    tcase_add_test(tcase, what_a_log_never_took_is_counted_at_the_end);
    tcase_add_test(tcase, no_output_is_no_trouble);
    return program_run(suite);
}
