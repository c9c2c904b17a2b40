"""The ten life scenarios of offers, the same for partners, contracts and offers."""

from typing import Literal

Scenario = Literal[
    "clothing",
    "dining",
    "lodging",
    "mobility",
    "entertainment",
    "learning",
    "shopping",
    "wellness",
    "finance",
    "travel",
]
