/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine_calls.c - the system calls engine and watcher are left with.
 *
 * What is not on the list fails with EPERM: a libc that uses another call for
 * the same purpose then says so in the log instead of dying. What only somebody
 * who has taken one over would call ends it at once; the master starts another.
 */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

static const int allowed[] = {
    /* descriptors that it has or is sent */
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev),
    SCMP_SYS(pread64), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(dup),
    SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(fcntl), SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(lseek), SCMP_SYS(ioctl),
    SCMP_SYS(ftruncate), SCMP_SYS(memfd_create), SCMP_SYS(pipe2),
    SCMP_SYS(eventfd2),
    /* sockets; none is made, or sent to by a name */
    SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom),
    SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    /* waiting */
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2), SCMP_SYS(futex), SCMP_SYS(sched_yield),
    SCMP_SYS(restart_syscall),
    /* time */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time),
    /* memory; mmap and mprotect below */
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
    /* itself */
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(getrandom), SCMP_SYS(getrusage), SCMP_SYS(uname),
    SCMP_SYS(sysinfo), SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(exit),
    SCMP_SYS(exit_group)};

static const int hostile[] = {
    SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
    SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev), SCMP_SYS(kill), SCMP_SYS(tkill),
    SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd), SCMP_SYS(connect),
    SCMP_SYS(bind), SCMP_SYS(setuid), SCMP_SYS(setresuid), SCMP_SYS(setns),
    SCMP_SYS(unshare), SCMP_SYS(mount), SCMP_SYS(chroot), SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
    SCMP_SYS(keyctl), SCMP_SYS(init_module), SCMP_SYS(finit_module)};

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls,
                   unsigned n)
{
    int rc = 0;

    for (unsigned i = 0; i < n && rc == 0; i++) {
        rc = seccomp_rule_add(filter, action, calls[i], 0);
    }
    return rc;
}

/* Memory, as long as it cannot be executed; abort(3), but no other process. */
static int add_limited(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp no_code = { .arg = 2, .op = SCMP_CMP_MASKED_EQ,
                                          .datum_a = PROT_EXEC };
    const struct scmp_arg_cmp me = { .arg = 0, .op = SCMP_CMP_EQ,
                                     .datum_a = (scmp_datum_t)getpid() };
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                              no_code);

    if (rc == 0) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                              no_code);
    }
    if (rc == 0) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                              me);
    }
    return rc;
}

/* open(2): with O_PATH nothing can be read, written or made. */
static int add_looking(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp by_path = { .arg = 2, .op = SCMP_CMP_MASKED_EQ,
                                          .datum_a = O_PATH,
                                          .datum_b = O_PATH };

    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                            by_path);
}

int confine_calls(enum confined who)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc = filter != NULL ? 0 : -ENOMEM;

    if (rc == 0) {
        rc = add_all(filter, SCMP_ACT_ALLOW, allowed,
                     sizeof allowed / sizeof *allowed);
    }
    if (rc == 0) {
        rc = add_all(filter, SCMP_ACT_KILL_PROCESS, hostile,
                     sizeof hostile / sizeof *hostile);
    }
    if (rc == 0) {
        rc = add_limited(filter);
    }
    if (rc == 0 && who == CONFINE_WATCHER) {
        rc = add_looking(filter);
    }
    if (rc == 0) {
        rc = seccomp_load(filter);
    }
    seccomp_release(filter);
    return rc;
}
