"""The check of sizes finds what it is for."""

from pathlib import Path

from tests.support.check_sizes import complaints


def test_long_things_are_found() -> None:
    body = "\n".join(f"        x{n} = {n}" for n in range(16))
    controller = f"class A(Controller):\n    def get(self):\n{body}\n"
    function = "def f():\n" + "\n".join(f"    x{n} = {n}" for n in range(71)) + "\n"
    assert len(list(complaints(Path("a.py"), controller))) == 1
    assert len(list(complaints(Path("a.py"), function))) == 1
    assert len(list(complaints(Path("a.py"), "x = 1\n" * 401))) == 1


def test_a_timeout_that_may_end_as_a_cancellation_is_found() -> None:
    body = "async def f():\n    async with asyncio.timeout(1):\n        pass\n"
    assert len(list(complaints(Path("a.py"), body))) == 1


def test_short_things_pass() -> None:
    signature = "".join(f"        a{n},\n" for n in range(30))
    text = f'class A(Controller):\n    def get(\n{signature}    ):\n        """Doc."""\n        return 1\n'
    assert list(complaints(Path("a.py"), text)) == []


def test_what_has_no_types_is_found() -> None:
    body = "def f(request):\n    return request.app.state.clock\n"
    assert len(list(complaints(Path("a.py"), body))) == 1
    assert list(complaints(Path("a.py"), "def f(doing):\n    return doing.state.members\n")) == []
