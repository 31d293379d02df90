"""A client of the Flux DAO Service: typed rows, pages behind cursors, repeats that write once, batches."""

from flux_dao_client.batch import Batch
from flux_dao_client.flux import AsyncFlux, Flux
from flux_dao_client.problems import (
    ConditionFailed,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    StaleVersion,
    Unauthorized,
    Unavailable,
    ValueTaken,
)
from flux_dao_client.references import Each, Pending, Reference, item

__all__ = [
    "AsyncFlux",
    "Batch",
    "ConditionFailed",
    "Conflict",
    "Each",
    "Flux",
    "Forbidden",
    "Invalid",
    "NotFound",
    "Pending",
    "Problem",
    "Reference",
    "StaleVersion",
    "Unauthorized",
    "Unavailable",
    "ValueTaken",
    "item",
]
