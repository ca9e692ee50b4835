/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_slot_word.c - every step of a slot's word, and boards.
 */
#include "board.h"
#include "leaks.h"
#include "program.h"
#include "socket.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO UINT64_MAX

/* From (column) by event (line) to state, 8: with want, 16: one use more. */
#define W 8
#define U 16
static const struct {
    enum slot_event event;
    int empty, offered, offered_want, free, busy, busy_want; /* -1: no */
} table[] = {
    { SLOT_OFFER, SLOT_OFFERED, -1, -1, -1, -1, -1 },
    { SLOT_OFFER_WANT, SLOT_OFFERED | W, -1, -1, -1, -1, -1 },
    { SLOT_ACCEPT, -1, SLOT_BUSY | U, SLOT_BUSY | W | U, -1, -1, -1 },
    { SLOT_CLAIM, -1, -1, -1, SLOT_BUSY | U, -1, -1 },
    { SLOT_HAND_OVER, -1, -1, -1, -1, SLOT_BUSY | U, -1 },
    { SLOT_RELEASE, -1, -1, -1, -1, SLOT_FREE, SLOT_EMPTY },
    { SLOT_DECLINE, -1, SLOT_EMPTY, SLOT_EMPTY, -1, -1, -1 },
    { SLOT_BREAK, -1, -1, -1, -1, SLOT_EMPTY, SLOT_EMPTY },
    { SLOT_TAKE, -1, SLOT_EMPTY, SLOT_EMPTY, SLOT_EMPTY, -1, -1 },
    { SLOT_MARK, -1, SLOT_OFFERED | W, SLOT_OFFERED | W, -1, SLOT_BUSY | W,
      SLOT_BUSY | W },
};

static void check_step(uint64_t word, enum slot_event event, int to)
{
    uint64_t next = NO;
    bool applies = slot_step(word, event, &next);

    ck_assert_int_eq(applies, to >= 0);
    if (applies) {
        ck_assert_int_eq(slot_state(next), to & 3);
        ck_assert_int_eq(slot_wanted(next), (to & W) != 0);
        ck_assert_uint_eq(slot_uses(next),
                          (uint32_t)(slot_uses(word) + ((to & U) != 0)));
        ck_assert_uint_eq(slot_generation(next), slot_generation(word));
        ck_assert_uint_eq(next & 0xfff8, 0);
    }
}

START_TEST(each_event_changes_each_state_as_designed)
{
    static const uint32_t uses[] = { 0, 7, UINT32_MAX };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (size_t u = 0; u < 3; u++) {
            uint16_t g = (uint16_t)(u * 32767);
            enum slot_event e = table[i].event;

            check_step(slot_word(g, uses[u], 0, SLOT_EMPTY), e,
                       table[i].empty);
            check_step(slot_word(g, uses[u], 0, SLOT_OFFERED), e,
                       table[i].offered);
            check_step(slot_word(g, uses[u], 1, SLOT_OFFERED), e,
                       table[i].offered_want);
            check_step(slot_word(g, uses[u], 0, SLOT_FREE), e, table[i].free);
            check_step(slot_word(g, uses[u], 0, SLOT_BUSY), e, table[i].busy);
            check_step(slot_word(g, uses[u], 1, SLOT_BUSY), e,
                       table[i].busy_want);
        }
    }
}
END_TEST

START_TEST(revoking_works_always_and_counts_the_generation)
{
    for (int state = 0; state < 8; state++) {
        uint64_t next;
        uint64_t word = slot_word(UINT16_MAX, 5, (state & 4) != 0,
                                  (enum slot_state)(state & 3));

        ck_assert(slot_step(word, SLOT_REVOKE, &next));
        ck_assert_uint_eq(next, slot_word(0, 5, false, SLOT_EMPTY));
    }
}
END_TEST

START_TEST(applying_tells_the_word_found_or_made)
{
    struct slot_line line = { .word = slot_word(3, 9, true, SLOT_BUSY) };
    uint64_t word = 0;

    ck_assert(!slot_apply(&line, SLOT_CLAIM, &word));
    ck_assert_uint_eq(word, slot_word(3, 9, true, SLOT_BUSY));
    ck_assert(!slot_apply_at(&line, 4, SLOT_RELEASE, &word));
    ck_assert_uint_eq(word, slot_word(3, 9, true, SLOT_BUSY));
    ck_assert(slot_apply_at(&line, 3, SLOT_RELEASE, &word));
    ck_assert_uint_eq(word, slot_word(3, 9, false, SLOT_EMPTY));
    ck_assert(slot_apply(&line, SLOT_OFFER, NULL));
    ck_assert_uint_eq(line.word, slot_word(3, 9, false, SLOT_OFFERED));
}
END_TEST

#define ROUNDS 20000

static void *claim_and_release(void *baton)
{
    struct slot_line *line = baton;
    uintptr_t claims = 0;

    for (int i = 0; i < ROUNDS; i++) {
        if (slot_apply(line, SLOT_CLAIM, NULL)) {
            claims++;
            ck_assert(slot_apply(line, SLOT_RELEASE, NULL));
        }
    }
    return (void *)claims;
}

/* No use is lost or counted twice, whoever is quicker. */
START_TEST(threads_claim_one_at_a_time)
{
    struct slot_line line = { .word = slot_word(1, 0, false, SLOT_FREE) };
    pthread_t threads[3];
    uintptr_t sum = 0;

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, claim_and_release,
                                        &line), 0);
    }
    for (int i = 0; i < 3; i++) {
        void *claims;

        pthread_join(threads[i], &claims);
        sum += (uintptr_t)claims;
    }
    ck_assert_uint_eq(slot_uses(line.word), sum);
    ck_assert_int_eq(slot_state(line.word), SLOT_FREE);
}
END_TEST

START_TEST(board_cannot_change_its_size)
{
    struct slot_line *lines;
    int fd;

    ck_assert_int_eq(board_make(&fd), 0);
    ck_assert_int_lt(ftruncate(fd, 0), 0);
    ck_assert_int_lt(ftruncate(fd, 2 * BOARD_SIZE), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(board_map(fd, &lines), 0);
    fd_close(&fd);
    ck_assert_uint_eq(lines[BOARD_SLOTS - 1].word, 0);
    board_unmap(&lines);
    ck_assert_ptr_null(lines);
    board_unmap(&lines);
}
END_TEST

START_TEST(two_mappings_show_the_same_words)
{
    struct slot_line *mine, *theirs;
    int fd;

    ck_assert_int_eq(board_make(&fd), 0);
    ck_assert_int_eq(board_map(fd, &mine), 0);
    ck_assert_int_eq(board_map(fd, &theirs), 0);
    fd_close(&fd);
    ck_assert(slot_apply(&mine[7], SLOT_OFFER, NULL));
    ck_assert(slot_apply(&theirs[7], SLOT_ACCEPT, NULL));
    ck_assert_uint_eq(mine[7].word, slot_word(0, 1, false, SLOT_BUSY));
    board_unmap(&mine);
    board_unmap(&theirs);
}
END_TEST

START_TEST(board_without_seals_or_of_another_size_is_refused)
{
    struct slot_line *lines;
    int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    ck_assert_int_eq(ftruncate(fd, BOARD_SIZE), 0);
    ck_assert_int_eq(board_map(fd, &lines), -EPROTO);
    ck_assert_int_eq(ftruncate(fd, BOARD_SIZE - 1), 0);
    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    ck_assert_int_eq(board_map(fd, &lines), -EPROTO);
    ck_assert_ptr_null(lines);
    ck_assert_int_eq(board_map(null, &lines), -EPROTO);
    ck_assert_int_eq(board_map(-1, &lines), -EPROTO);
    fd_close(&fd);
    fd_close(&null);
}
END_TEST

START_TEST(board_is_not_in_a_forked_copy)
{
    struct slot_line *lines;
    unsigned char resident[BOARD_SIZE / 4096];
    int fd, status;
    pid_t pid;

    ck_assert_int_eq(board_make(&fd), 0);
    ck_assert_int_eq(board_map(fd, &lines), 0);
    fd_close(&fd);
    ck_assert_int_eq(mincore(lines, BOARD_SIZE, resident), 0);
    pid = fork();
    if (pid == 0) {
        _exit(mincore(lines, BOARD_SIZE, resident) < 0 && errno == ENOMEM
                  ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    board_unmap(&lines);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slot_word");
    TCase *words = program_case(suite, "words", leaks_begin, leaks_end);
    TCase *boards = program_case(suite, "boards", leaks_begin, leaks_end);

    tcase_add_test(words, each_event_changes_each_state_as_designed);
    tcase_add_test(words, revoking_works_always_and_counts_the_generation);
    tcase_add_test(words, applying_tells_the_word_found_or_made);
    tcase_add_test(words, threads_claim_one_at_a_time);
    tcase_add_test(boards, board_cannot_change_its_size);
    tcase_add_test(boards, two_mappings_show_the_same_words);
    tcase_add_test(boards, board_without_seals_or_of_another_size_is_refused);
    tcase_add_test(boards, board_is_not_in_a_forked_copy);
    return program_run(suite);
}
