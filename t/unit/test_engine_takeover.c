/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_takeover.c - an engine that comes after another: what it is told
 * by the master, and what clients say before and after RESET.
 */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine_world.h"
#include "socket.h"

START_TEST(nothing_is_read_from_clients_before_everything_is_told)
{
    tell_client(CLIENT, getuid());
    say_hello();
    expect_silence(channel);
    tell_start();
    expect(channel, FROM_ENGINE, MSG_WELCOME);
}
END_TEST

/* The engine before may have read the first or not. */
START_TEST(hello_that_is_repeated_after_a_reset_is_answered_once)
{
    tell_client(CLIENT, getuid());
    tell_start();
    say_hello();
    say_hello();
    expect(channel, FROM_ENGINE, MSG_WELCOME);
    ask(MSG_PING, 2);
    expect(channel, FROM_ENGINE, MSG_PONG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine: takeover");
    TCase *tcase = tcase_create("takeover");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup_untold, teardown);
    tcase_add_test(tcase,
                   nothing_is_read_from_clients_before_everything_is_told);
    tcase_add_test(tcase,
                   hello_that_is_repeated_after_a_reset_is_answered_once);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
