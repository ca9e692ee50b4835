# SPDX-License-Identifier: Apache-2.0
"""Unprivileged users that applications and instances can be given to."""

import grp
import os
import pwd

# In base-passwd of every Debian, none of them with a process of its own.
SPARE_USERS = ("games", "mail", "news", "backup", "list", "lp")


def is_root():
    return os.geteuid() == 0


def current_user():
    return pwd.getpwuid(os.geteuid()).pw_name


def ids(user):
    """(uid, gid) of a user's name."""
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def groups(user):
    """All groups of a user as the system's data base has them, sorted."""
    return sorted(os.getgrouplist(user, ids(user)[1]))


def group_name(gid):
    return grp.getgrgid(gid).gr_name


def give(path, user):
    """Make `user` the owner of `path`; only root can give things away."""
    if is_root():
        os.chown(path, *ids(user), follow_symlinks=False)
