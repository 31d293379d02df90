"""Patterns over HTTP: the shared operations."""

from app.api import crud
from app.api.blueprint import Blueprint
from app.repositories import patterns
from app.schemas.patterns import NewPatternSchema, PatternPatchSchema, PatternSchema

blueprint = Blueprint("patterns", "Habits that the Observer has seen in what a person does.", "/patterns")
crud.collection(blueprint, patterns, NewPatternSchema, PatternSchema, newest_by="updated_at")
crud.item(blueprint, patterns, NewPatternSchema, PatternPatchSchema, PatternSchema)
