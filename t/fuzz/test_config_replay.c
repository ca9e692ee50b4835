/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_config_replay.c - becomes an httpd with replay_config.c in it (make
 * check).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    setenv("LD_PRELOAD", LIBRARY, 1);
    execl(HTTPD, HTTPD, (char *)NULL);
    perror(HTTPD);
    return 1;
}
