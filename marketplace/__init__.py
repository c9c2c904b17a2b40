"""The foundation that the packages build on: values, platform, page layout, demo. It imports none of the packages."""

__version__ = "0.1.0"
