"""Where the browser is. `python -m tests.support.chromium` says so before the suite, or that its tests are left out."""

import shutil
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Return the path of the system's Chromium, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


if __name__ == "__main__":
    path = chromium()
    sys.stdout.write(
        f"browser tests run in {path}\n"
        if path
        else "no Chromium here: the browser tests are LEFT OUT (apt install chromium)\n"
    )
