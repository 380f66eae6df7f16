"""unittest, without pytest: emulators for a class and for a test."""

from __future__ import annotations

import sys
import unittest
from io import StringIO
from pathlib import Path

import pytest

CASES = """
import os
import unittest

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.testing import in_environment


class SharedTest(unittest.TestCase):
    emulator: Emulator

    @classmethod
    def setUpClass(cls):
        cls.emulator = cls.enterClassContext(in_environment(Emulator(plan="free")))
        cls.emulator.client().workflows.create(name="Seed")

    def setUp(self):
        self.enterContext(self.emulator.preserve_state())
        self.client = self.enterContext(Fibonacci())

    def test_one(self):
        self.assertEqual(self.client.base_url, self.emulator.base_url)
        self.assertEqual(self.client.health.check().response.rate_limit.limit, 60)
        self.client.workflows.create(name="Mine")

    def test_two(self):
        self.assertEqual([each.name for each in self.client.workflows.list()], ["Seed"])
        self.client.workflows.create(name="Mine")


class OwnTest(unittest.TestCase):
    def setUp(self):
        self.emulator = self.enterContext(in_environment(Emulator()))

    def test_three(self):
        with Fibonacci() as client:
            self.assertIsNone(client.workflows.list().first())


class AsyncTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.enterContext(in_environment(Emulator()))

    async def test_four(self):
        async with AsyncFibonacci() as client:
            self.assertTrue((await client.health.check()).healthy)


def tearDownModule():
    assert "FIBONACCI_BASE_URL" not in os.environ
"""


def test_the_emulator_serves_cases_of_unittest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cases_of_a_user.py").write_text(CASES, "utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    report = StringIO()
    try:
        tests = unittest.defaultTestLoader.loadTestsFromName("cases_of_a_user")
        result = unittest.TextTestRunner(report, warnings="error").run(tests)
    finally:
        sys.modules.pop("cases_of_a_user", None)
    assert (result.testsRun, result.wasSuccessful()) == (4, True), report.getvalue()
