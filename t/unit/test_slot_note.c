/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_slot_note.c - what a client notes about its requests, and what the
 * engine makes of it.
 */
#include <check.h>
#include <string.h>

#include "board.h"
#include "program.h"
#include "socket.h"

static struct slot_line *lines;
static struct slot_note *note;

static void set_up(void)
{
    int fd;

    ck_assert_int_eq(board_make(&fd), 0);
    ck_assert_int_eq(board_map(fd, &lines), 0);
    fd_close(&fd);
    note = board_note(lines, 3);
}

static void tear_down(void)
{
    board_unmap(&lines);
}

START_TEST(a_request_is_read_as_it_was_written)
{
    struct note_text text;

    note_begin(note, 1000, 20, "192.0.2.1", "GET / HTTP/1.1");
    note_read(note, &text);
    ck_assert_int_eq(text.began_us, 1000);
    ck_assert_int_eq(text.waited_us, 20);
    ck_assert_str_eq(text.peer, "192.0.2.1");
    ck_assert_str_eq(text.line, "GET / HTTP/1.1");
    note_end(note, 1001);
    note_read(note, &text);
    ck_assert_int_eq(text.began_us, 0);
}
END_TEST

START_TEST(a_note_touches_no_word_and_no_other_note)
{
    note_begin(board_note(lines, 0), 1, 1, "a", "b");
    note_begin(board_note(lines, BOARD_SLOTS - 1), 1, 1, "a", "b");
    for (unsigned i = 0; i < BOARD_SLOTS; i++) {
        ck_assert_uint_eq(lines[i].word, 0);
    }
    ck_assert_int_eq(board_note(lines, 1)->began_us, 0);
    ck_assert_int_eq(board_note(lines, BOARD_SLOTS - 2)->began_us, 0);
}
END_TEST

START_TEST(a_long_line_is_cut_and_ends)
{
    char line[4 * NOTE_LINE];
    struct note_text text;

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\0';
    note_begin(note, 1, 0, line, line);
    note_read(note, &text);
    ck_assert_uint_eq(strlen(text.line), NOTE_LINE - 1);
    ck_assert_uint_eq(strlen(text.peer), NOTE_PEER - 1);
}
END_TEST

START_TEST(a_text_that_is_being_written_is_not_shown)
{
    struct note_text text;

    note_begin(note, 1, 0, "peer", "line");
    note->version |= 1;
    note_read(note, &text);
    ck_assert_str_eq(text.line, "");
    ck_assert_str_eq(text.peer, "");
}
END_TEST

START_TEST(a_text_without_an_end_is_given_one)
{
    struct note_text text;

    memset(note->line, 'x', sizeof(note->line));
    memset(note->peer, 'x', sizeof(note->peer));
    note_read(note, &text);
    ck_assert_uint_eq(strlen(text.line), NOTE_LINE - 1);
    ck_assert_uint_eq(strlen(text.peer), NOTE_PEER - 1);
}
END_TEST

static void one_request(int64_t waited_us, int64_t took_us)
{
    note_begin(note, 5, waited_us, NULL, NULL);
    note_end(note, 5 + took_us);
}

START_TEST(times_are_counted_in_the_bucket_whose_bound_they_do_not_exceed)
{
    struct times times = { 0 };
    struct times_seen seen = { 0 };

    one_request(0, 1000);
    one_request(0, 1001);
    one_request(0, 31000000);
    times_collect(&times, &seen, &note->work);
    ck_assert_uint_eq(times.count[0], 1);
    ck_assert_uint_eq(times.count[1], 1);
    ck_assert_uint_eq(times.count[TIMES_BUCKETS - 1], 1);
    ck_assert_uint_eq(times.sum_us, 31002001);
}
END_TEST

START_TEST(what_was_collected_counts_only_once)
{
    struct times times = { 0 };
    struct times_seen seen;

    one_request(7, 7);
    times_see(&seen, &note->queue);
    one_request(9, 7);
    times_collect(&times, &seen, &note->queue);
    times_collect(&times, &seen, &note->queue);
    ck_assert_uint_eq(times.count[0], 1);
    ck_assert_uint_eq(times.sum_us, 9);
}
END_TEST

START_TEST(counters_that_step_back_count_nothing)
{
    struct times times = { 0 };
    struct times_seen seen = { 0 };

    one_request(7, 7);
    times_collect(&times, &seen, &note->work);
    note->work.count[0] = 0;
    note->work.sum_us = 0;
    times_collect(&times, &seen, &note->work);
    ck_assert_uint_eq(times.count[0], 1);
    ck_assert_uint_eq(times.sum_us, 7);
    one_request(7, 7);
    times_collect(&times, &seen, &note->work);
    ck_assert_uint_eq(times.count[0], 2);
}
END_TEST

START_TEST(a_sum_out_of_proportion_counts_nothing)
{
    struct times times = { 0 };
    struct times_seen seen = { 0 };

    note->work.count[0] = 1;
    note->work.sum_us = UINT64_MAX / 2;
    times_collect(&times, &seen, &note->work);
    ck_assert_uint_eq(times.count[0], 1);
    ck_assert_uint_eq(times.sum_us, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slot_note");
    TCase *texts = program_case(suite, "texts", set_up, tear_down);
    TCase *times = program_case(suite, "times", set_up, tear_down);

    tcase_add_test(texts, a_request_is_read_as_it_was_written);
    tcase_add_test(texts, a_note_touches_no_word_and_no_other_note);
    tcase_add_test(texts, a_long_line_is_cut_and_ends);
    tcase_add_test(texts, a_text_that_is_being_written_is_not_shown);
    tcase_add_test(texts, a_text_without_an_end_is_given_one);
    tcase_add_test(times,
                   times_are_counted_in_the_bucket_whose_bound_they_do_not_exceed);
    tcase_add_test(times, what_was_collected_counts_only_once);
    tcase_add_test(times, counters_that_step_back_count_nothing);
    tcase_add_test(times, a_sum_out_of_proportion_counts_nothing);
    return program_run(suite);
}
