"""Becomes the program of its arguments, on a kernel that does not know Landlock: its three calls are refused
as an old kernel refuses them."""

import ctypes
import errno
import os
import struct
import sys

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
LOAD, IF_AT_LEAST, IF_GREATER, RETURN = 0x20, 0x35, 0x25, 0x06
FIRST, LAST = 444, 446  # landlock_create_ruleset to landlock_restrict_self, everywhere the same

filter = b"".join(struct.pack("HBBI", *line) for line in [
    (LOAD, 0, 0, 0),
    (IF_AT_LEAST, 0, 2, FIRST),
    (IF_GREATER, 1, 0, LAST),
    (RETURN, 0, 0, ERRNO | errno.ENOSYS),
    (RETURN, 0, 0, ALLOW),
])
lines = ctypes.create_string_buffer(filter, len(filter))
program = struct.pack("HxxxxxxP", len(filter) // 8, ctypes.addressof(lines))
libc = ctypes.CDLL(None, use_errno=True)
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2
if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(SECCOMP, FILTER, program):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
