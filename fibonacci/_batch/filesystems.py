"""The type of the file system that a path lies in: locks and memory maps of SQLite need a local one."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

NETWORK_TYPES = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "lustre", "glusterfs", "gpfs"),
        *("beegfs", "ocfs2", "gfs2", "orangefs", "pvfs2", "coda", "davfs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.ceph", "fuse.rclone", "fuse.davfs2"),
        *("fuse.juicefs", "fuse.blobfuse", "fuse.blobfuse2", "fuse.mount-s3", "fuse.cephfs"),
    }
)
"""The names that Linux has for file systems of other machines."""

_MOUNTS = "/proc/self/mountinfo"


def network_filesystem_of(path: str) -> str | None:
    """Return the type of a path's file system if another machine serves it, as far as the system tells; else None."""
    if sys.platform == "win32":
        return "UNC path" if os.path.realpath(path).startswith("\\\\") else None
    try:
        mounts = Path(_MOUNTS).read_text("utf-8", "surrogateescape")
    except OSError:  # not Linux
        return None
    found = filesystem_in(mounts, os.path.realpath(path))
    return found if found in NETWORK_TYPES else None


def filesystem_in(mounts: str, path: str) -> str | None:
    """Return the type of the file system that an absolute path lies in.

    Args:
        mounts: The text of Linux's `mountinfo`.
        path: The path, without symbolic links.

    Returns:
        The type of the longest mount point that the path is below, the last one mounted there; None if there is none.
    """
    best, found = -1, None
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        if len(point) >= best and (path == point or path.startswith(point.rstrip("/") + "/")):
            best, found = len(point), after.split(" ", 1)[0]
    return found
