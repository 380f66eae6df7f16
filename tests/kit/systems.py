"""What tests need of the operating system beyond Windows, macOS and Linux in common. On Linux they all run."""

from __future__ import annotations

import os
import sys

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork")
needs_descriptor_limits = pytest.mark.skipif(
    os.name == "nt", reason="needs a system that limits the descriptors of a process"
)
needs_permissions = pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
needs_pseudo_terminals = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
needs_shell = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
needs_open_files_removable = pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
needs_signals = pytest.mark.skipif(os.name == "nt", reason="os.kill ends a process on Windows, whatever the signal")
linux_only = pytest.mark.skipif(
    sys.platform != "linux",
    reason="needs a full backlog that drops SYNs, the tables of the Linux kernel, or a bound for a process's memory",
)
needs_loopback_network = pytest.mark.skipif(
    sys.platform == "darwin", reason="127.0.0.1 is the only loopback address that macOS configures"
)
