"""Goals over HTTP: the shared operations."""

from app.api import crud
from app.api.blueprint import Blueprint
from app.repositories import goals
from app.schemas.goals import GoalPatchSchema, GoalSchema, NewGoalSchema

blueprint = Blueprint("goals", "What a person wants to reach.", "/goals")
crud.collection(blueprint, goals, NewGoalSchema, GoalSchema)
crud.item(blueprint, goals, NewGoalSchema, GoalPatchSchema, GoalSchema)
