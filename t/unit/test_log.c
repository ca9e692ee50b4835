/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_log.c - lines of server/base/log.h, and what happens when nobody reads.
 */
#include <check.h>
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leaks.h"
#include "log.h"
#include "program.h"

static int ends[2];
static char text[65536];

static void set_up(void)
{
    leaks_begin();
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    log_open("test", LOG_LEVEL_INFO);
    log_to(ends[1]);
}

static void tear_down(void)
{
    log_to(-1);
    close(ends[0]);
    close(ends[1]);
    leaks_end();
}

static const char *read_text(void)
{
    ssize_t n = read(ends[0], text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static int is_like(const char *line, const char *pattern)
{
    regex_t regex;
    int rc;

    ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    rc = regexec(&regex, line, 0, NULL, 0);
    regfree(&regex);
    return rc == 0;
}

START_TEST(line_has_the_form_of_httpds)
{
    log_error("app %s: exited %d", "/srv/blog", 1);
    ck_assert(is_like(read_text(),
        "^\\[[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9]{2} [0-9:]{8}\\.[0-9]{6} "
        "[0-9]{4}\\] \\[apppool:error\\] \\[pid [0-9]+\\] "
        "test: app /srv/blog: exited 1\n$"));
}
END_TEST

START_TEST(control_characters_cannot_make_a_second_line)
{
    log_warn("a\nb\x1b[31m\x7f \xc3\xa4");
    ck_assert_ptr_nonnull(strstr(read_text(),
                                 "a\\x0ab\\x1b[31m\\x7f \xc3\xa4\n"));
}
END_TEST

START_TEST(levels_above_the_chosen_one_are_silent)
{
    log_debug("not said");
    ck_assert_str_eq(read_text(), "");
    log_info("said");
    ck_assert_ptr_nonnull(strstr(read_text(), "said"));
}
END_TEST

START_TEST(long_line_is_cut_and_still_one_line)
{
    static char longest[2 * LOG_LINE_MAX];
    const char *line;

    memset(longest, 'x', sizeof(longest) - 1);
    log_error("%s", longest);
    line = read_text();
    ck_assert_uint_le(strlen(line), LOG_LINE_MAX);
    ck_assert_uint_gt(strlen(line), LOG_LINE_MAX - 16);
    ck_assert_int_eq(line[strlen(line) - 1], '\n');
}
END_TEST

/* The pipe blocks, as httpd's does: a write too many would hang here. */
START_TEST(full_log_drops_lines_and_says_how_many)
{
    static char line[6000];
    unsigned written = 0;

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    while (log_write_line(ends[1], line, sizeof(line))) {
        written++;
    }
    ck_assert_uint_gt(written, 0);
    while (log_write_line(ends[1], "short\n", 6)) {
        written++;
    }
    log_error("dropped");
    log_error("dropped");
    read_text();
    while (*read_text() != '\0') {
        continue;
    }
    log_error("heard");
    ck_assert(is_like(read_text(), "2 lines were dropped\n.*heard\n$"));
}
END_TEST

START_TEST(log_without_a_reader_is_not_written_to)
{
    int other[2];

    ck_assert_int_eq(pipe2(other, O_CLOEXEC), 0);
    close(other[0]);
    ck_assert_int_eq(log_write_line(other[1], "x\n", 2), 0);
    close(other[1]);
}
END_TEST

/* Time is not waited for: the quota's end is put into the past. */
START_TEST(quota_bounds_lines_and_says_how_many_were_left_out)
{
    struct log_quota quota = { 0 };
    unsigned lines = 0;

    for (int i = 0; i < 100; i++) {
        log_some(&quota, LOG_LEVEL_WARN, "again %d", i);
    }
    for (const char *at = read_text(); (at = strstr(at, "again")) != NULL;
         at++) {
        lines++;
    }
    ck_assert_uint_eq(lines, LOG_QUOTA_LINES);
    quota.until_s = 0;
    log_some(&quota, LOG_LEVEL_WARN, "the last");
    ck_assert(is_like(read_text(), "80 more lines.*the last"));
    log_some(&quota, LOG_LEVEL_DEBUG, "not at this level");
    ck_assert_str_eq(read_text(), "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *c = program_case(suite, "log", set_up, tear_down);

    tcase_add_test(c, line_has_the_form_of_httpds);
    tcase_add_test(c, control_characters_cannot_make_a_second_line);
    tcase_add_test(c, levels_above_the_chosen_one_are_silent);
    tcase_add_test(c, long_line_is_cut_and_still_one_line);
    tcase_add_test(c, full_log_drops_lines_and_says_how_many);
    tcase_add_test(c, log_without_a_reader_is_not_written_to);
    tcase_add_test(c, quota_bounds_lines_and_says_how_many_were_left_out);
    return program_run(suite);
}
