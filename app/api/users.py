"""Users over HTTP: the shared operations."""

from app.api import crud
from app.api.blueprint import Blueprint
from app.repositories import users
from app.schemas.users import NewUserSchema, UserPatchSchema, UserSchema

blueprint = Blueprint("users", "The people whom Flux plans for.", "/users")
crud.collection(blueprint, users, NewUserSchema, UserSchema)
crud.item(blueprint, users, NewUserSchema, UserPatchSchema, UserSchema)
