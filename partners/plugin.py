"""What this package plugs into the frame."""

from marketplace.platform.package import Package


class Partners(Package):
    """See the package's own docstring."""

    name = "partners"
