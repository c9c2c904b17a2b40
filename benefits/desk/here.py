"""The process's desk of points, for a request.

Read from the application and not by dependency injection: the framework resolves several dependencies of one handler
in a task group, which costs as much as the rest of its work (docs/performance.md).
"""

from typing import Any

from litestar import Request

from benefits.desk.context import PointsCommand
from marketplace.platform.batching.executor import BatchExecutor


def points_desk(request: Request[Any, Any, Any]) -> BatchExecutor[PointsCommand]:
    """Return the desk at which points move."""
    desk: BatchExecutor[PointsCommand] = request.app.state.points_desk
    return desk
