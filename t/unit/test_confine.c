/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_confine.c - what somebody who has taken engine or watcher over may call:
 * each of these is refused, or ends the process.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "program.h"

/* Each returns what the call did: -1 where it was refused. */
#define ATTACK(name, call)                                                    \
    static long name(void)                                                    \
    {                                                                         \
        return (long)(call);                                                  \
    }

static char *const words[] = { (char *)(uintptr_t)"/bin/true", NULL };
static struct sockaddr_un abstract = { .sun_family = AF_UNIX,
                                       .sun_path = "\0apppool-test" };
static struct open_how how = { .flags = O_RDONLY };
static struct rlimit limit = { 100, 100 };

ATTACK(open_a_file, open("/etc/passwd", O_RDONLY))
ATTACK(open_by_handle, syscall(SYS_open_by_handle_at, AT_FDCWD, words,
                               O_RDONLY))
ATTACK(open_by_openat2, syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &how,
                                sizeof(how)))
ATTACK(make_a_file, open("/tmp/apppool-confine", O_CREAT | O_WRONLY, 0600))
ATTACK(remove_a_file, unlink("/tmp/apppool-confine"))
ATTACK(make_a_folder, mkdir("/tmp/apppool-confine", 0700))
ATTACK(make_a_link, symlink("/etc/passwd", "/tmp/apppool-confine"))
ATTACK(list_a_folder, syscall(SYS_getdents64, 0, words, sizeof(words)))
ATTACK(execute, execve(words[0], words, NULL))
ATTACK(execute_a_descriptor, syscall(SYS_execveat, 0, "", words, NULL,
                                     AT_EMPTY_PATH))
ATTACK(fork_a_process, fork())
ATTACK(make_a_thread, syscall(SYS_clone3, NULL, 0))
ATTACK(trace_the_parent, ptrace(PTRACE_ATTACH, getppid(), NULL, NULL))
ATTACK(read_the_parent, syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL,
                                0, 0))
ATTACK(signal_the_parent, kill(getppid(), SIGCONT))
ATTACK(signal_a_thread_of_it, syscall(SYS_tgkill, getppid(), getppid(),
                                      SIGCONT))
ATTACK(hold_the_parent, syscall(SYS_pidfd_open, getppid(), 0))
ATTACK(limit_the_parent, prlimit(getppid(), RLIMIT_NOFILE, &limit, NULL))
ATTACK(slow_the_parent_down, setpriority(PRIO_PROCESS, (id_t)getppid(), 19))
ATTACK(make_a_socket, socket(AF_INET, SOCK_STREAM, 0))
ATTACK(connect_somewhere, connect(0, (struct sockaddr *)&abstract,
                                  sizeof(abstract)))
ATTACK(bind_a_name, bind(0, (struct sockaddr *)&abstract, sizeof(abstract)))
ATTACK(accept_somebody, accept4(0, NULL, NULL, 0))
ATTACK(send_to_a_name, sendto(0, "x", 1, 0, (struct sockaddr *)&abstract,
                              sizeof(abstract)))
ATTACK(become_root, setresuid(0, 0, 0))
ATTACK(become_another_group, setgid(1))
ATTACK(leave_its_namespaces, unshare(CLONE_NEWUSER))
ATTACK(mount_something, mount("none", "/mnt", "tmpfs", 0, NULL))
ATTACK(change_its_root, chroot("/"))
ATTACK(load_a_program, syscall(SYS_bpf, 0, NULL, 0))
ATTACK(begin_a_ring, syscall(SYS_io_uring_setup, 1, NULL))
ATTACK(share_memory, shmget(IPC_PRIVATE, 4096, 0600))
ATTACK(map_code, mmap(NULL, 4096, PROT_READ | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                     ? -1 : 0)
ATTACK(make_memory_executable, mprotect(&how, 1, PROT_READ | PROT_EXEC))

/* A socket that can send to any name there is. */
static long make_a_datagram_socket(void)
{
    int ends[2];

    return socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
}

/* What the watcher may open tells of a file, and does not lead into it. */
static long read_what_is_only_looked_at(void)
{
    char path[40], byte;
    int fd = open("/etc/passwd", O_PATH | O_CLOEXEC);

    if (fd < 0) {
        return -1; /* the engine may not even do that */
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return read(fd, &byte, 1) == 1 ? 0 : open(path, O_RDONLY | O_CLOEXEC);
}

#define ROW(name) { #name, name }
static const struct {
    const char *name;
    long (*attack)(void);
} attacks[] = {
    ROW(open_a_file), ROW(open_by_handle), ROW(open_by_openat2),
    ROW(read_what_is_only_looked_at), ROW(make_a_file), ROW(remove_a_file),
    ROW(make_a_folder), ROW(make_a_link),
    ROW(list_a_folder), ROW(execute), ROW(execute_a_descriptor),
    ROW(fork_a_process), ROW(make_a_thread), ROW(trace_the_parent),
    ROW(read_the_parent), ROW(signal_the_parent), ROW(signal_a_thread_of_it),
    ROW(hold_the_parent), ROW(limit_the_parent), ROW(slow_the_parent_down),
    ROW(make_a_socket), ROW(connect_somewhere), ROW(bind_a_name),
    ROW(accept_somebody), ROW(send_to_a_name), ROW(become_root),
    ROW(become_another_group), ROW(leave_its_namespaces),
    ROW(mount_something), ROW(change_its_root), ROW(load_a_program),
    ROW(begin_a_ring), ROW(share_memory), ROW(map_code),
    ROW(make_memory_executable), ROW(make_a_datagram_socket),
};

/* 0: refused; 1: it was not; 2: nothing is confined. */
static int attempt(enum confined who, long (*attack)(void))
{
    if (confine_calls(who) < 0) {
        return 2;
    }
    errno = 0;
    return attack() == -1 && errno == EPERM ? 0 : 1;
}

static void assert_refused(enum confined who, unsigned i)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        _exit(attempt(who, attacks[i].attack));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0 ||
                  (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS),
                  "%s: status %#x", attacks[i].name, (unsigned)status);
}

START_TEST(what_a_taken_over_engine_calls_is_refused)
{
    assert_refused(CONFINE_ENGINE, (unsigned)_i);
}
END_TEST

START_TEST(what_a_taken_over_watcher_calls_is_refused)
{
    assert_refused(CONFINE_WATCHER, (unsigned)_i);
}
END_TEST

static int do_what_it_does(void)
{
    char byte = 'x';
    void *memory;
    int ends[2];

    if (confine_calls(CONFINE_ENGINE) < 0 || pipe2(ends, O_CLOEXEC) < 0 ||
        write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) {
        return 1;
    }
    memory = malloc(1 << 20);
    memset(memory, byte, 1 << 20);
    free(memory);
    return 0;
}

START_TEST(what_it_has_to_do_it_can)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        _exit(do_what_it_does());
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("confine");
    TCase *c = program_case(suite, "calls", NULL, NULL);

    tcase_add_loop_test(c, what_a_taken_over_engine_calls_is_refused, 0,
                        sizeof(attacks) / sizeof(*attacks));
    tcase_add_loop_test(c, what_a_taken_over_watcher_calls_is_refused, 0,
                        sizeof(attacks) / sizeof(*attacks));
    tcase_add_test(c, what_it_has_to_do_it_can);
    return program_run(suite);
}
