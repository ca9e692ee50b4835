/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_page.c - a failed start as a page, and the story that it tells.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "apppool/protocol.h"
#include "page.h"
#include "program.h"
#include "story.h"

static const struct core_app_limits limits = { .start_timeout_us = 3000000 };

static struct page_facts facts_of(const char *error)
{
    return (struct page_facts){
        .id = "12ab34cd", .root = "/srv/blog", .type = "wsgi",
        .user = "games", .environment = "production", .error = error,
        .output = "", .steps = "", .variables = "", .limits = &limits,
    };
}

static void assert_has(const char *page, const char *text)
{
    ck_assert_msg(strstr(page, text) != NULL, "no %s in %s", text, page);
}

START_TEST(a_page_escapes_what_the_application_said)
{
    struct page_facts facts = facts_of("<script>\"&\"</script>");
    char *page;

    facts.output = facts.steps = facts.variables = "<script>x</script>";
    facts.root = facts.user = facts.environment = "<script>";
    page = page_of_failure(&facts);
    assert_has(page, "&lt;script&gt;&quot;&amp;&quot;&lt;/script&gt;</pre>");
    ck_assert_ptr_null(strstr(page, "<script"));
    free(page);
}
END_TEST

START_TEST(a_page_has_error_facts_steps_output_and_variables)
{
    struct page_facts facts = facts_of("No module named 'flask'");
    char *page;

    facts.output = "hello\n";
    facts.steps = "0.001 became user games\n0.020 executes python3\n";
    facts.variables = "HOME=/srv\n";
    page = page_of_failure(&facts);
    assert_has(page, "No module named 'flask'");
    assert_has(page, "12ab34cd");
    assert_has(page, "<dt>0.001 s</dt><dd> became user games</dd>");
    assert_has(page, "<pre>hello\n</pre>");
    assert_has(page, "HOME=/srv");
    assert_has(page, "<dt>PoolStartTimeout</dt><dd>3 s</dd>");
    assert_has(page, "<li>Install the module");
    free(page);
}
END_TEST

START_TEST(output_that_is_part_of_the_error_is_not_told_twice)
{
    struct page_facts facts = facts_of("It printed:\nhello\n");
    char *page;

    facts.output = "hello\n";
    page = page_of_failure(&facts);
    ck_assert_ptr_null(strstr(page, "What it printed"));
    free(page);
}
END_TEST

START_TEST(a_page_always_fits_a_message_and_ends)
{
    char *text = malloc(WIRE_MAX_STRING + 1);
    struct page_facts facts = facts_of(text);
    char *page;

    memset(text, '"', WIRE_MAX_STRING);
    text[WIRE_MAX_STRING] = '\0';
    facts.root = facts.output = facts.variables = facts.steps = text;
    page = page_of_failure(&facts);
    ck_assert_uint_lt(strlen(page), WIRE_MAX_STRING);
    assert_has(page, "</html>\n");
    free(page);
    free(text);
}
END_TEST

START_TEST(there_is_always_something_to_try)
{
    const char *hints[4];
    struct page_facts facts = facts_of("nobody knows");

    ck_assert_uint_eq(hints_of_failure(&facts, hints, 4), 1);
    facts.error = "ended by signal 9 (Killed)";
    ck_assert_uint_eq(hints_of_failure(&facts, hints, 4), 2);
    facts.error = "SyntaxError syntax error No module named ermission denied";
    ck_assert_uint_eq(hints_of_failure(&facts, hints, 4), 4);
}
END_TEST

START_TEST(a_story_keeps_whole_lines_only)
{
    struct story *story = story_new(1000000);
    char text[1000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    story_step(story, 1012000, "began");
    ck_assert_str_eq(story->steps, "0.012 began\n");
    for (int i = 0; i < 20; i++) {
        story_step(story, 2000000, text);
        story_env(story, "A=1\n");
    }
    ck_assert_uint_lt(story->steps_len, STORY_STEPS_MAX);
    ck_assert_int_eq(story->steps[story->steps_len - 1], '\n');
    ck_assert_uint_eq(strlen(story->steps), story->steps_len);
    ck_assert_uint_eq(story->env_len, 80);
    story_free(&story);
    ck_assert_ptr_null(story);
    story_step(story, 0, "nobody listens");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page");
    TCase *tcase = program_case(suite, "page", NULL, NULL);

    tcase_add_test(tcase, a_page_escapes_what_the_application_said);
    tcase_add_test(tcase, a_page_has_error_facts_steps_output_and_variables);
    tcase_add_test(tcase, output_that_is_part_of_the_error_is_not_told_twice);
    tcase_add_test(tcase, a_page_always_fits_a_message_and_ends);
    tcase_add_test(tcase, there_is_always_something_to_try);
    tcase_add_test(tcase, a_story_keeps_whole_lines_only);
    return program_run(suite);
}
