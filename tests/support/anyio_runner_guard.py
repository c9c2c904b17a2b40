"""All asynchronous tests of a process run in one task of anyio's plugin: a test that ends it must fail alone, and say why.

A CancelledError that leaves a test ends that task, and the plugin gives every later test to it all the same: five hundred tests
failed with ClosedResourceError, and the one that was cancelled was lost among them. So the task is looked at after each part of
a test, and a new one is begun if it has ended.
"""

import asyncio
import traceback
from collections.abc import Generator

import pytest
from anyio import pytest_plugin


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let go of the plugin's task if it has ended, before the next part of a test is given to it."""
    report = yield
    runner = pytest_plugin._current_runner
    task = getattr(runner, "_runner_task", None)
    if task is not None and task.done():
        runner._runner_task = None  # type: ignore[union-attr]  # as the plugin itself does when a test is interrupted
        report.sections.append(("What ended the task of all tests", _why(task)))
    return report


def _why(task: "asyncio.Task[None]") -> str:
    """Return where it was cancelled, with the lines that the plugin's own error does not have."""
    try:
        error = task.exception()
    except asyncio.CancelledError as cancelled:
        error = cancelled
    return "" if error is None else "".join(traceback.format_exception(error))
