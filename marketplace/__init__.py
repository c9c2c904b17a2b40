"""The ground and the frame: values, platform, pages' layout, demo. It imports none of the packages that stand on it."""

__version__ = "0.1.0"
