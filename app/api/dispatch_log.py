"""The dispatch log over HTTP: the shared operations."""

from app.api import crud
from app.api.blueprint import Blueprint
from app.repositories import dispatch_log
from app.schemas.dispatch_log import DispatchLogEntryPatchSchema, DispatchLogEntrySchema, NewDispatchLogEntrySchema

blueprint = Blueprint("dispatch_log", "What is to be sent for a task, and how that went.", "/dispatch-log")
crud.collection(blueprint, dispatch_log, NewDispatchLogEntrySchema, DispatchLogEntrySchema)
crud.item(blueprint, dispatch_log, NewDispatchLogEntrySchema, DispatchLogEntryPatchSchema, DispatchLogEntrySchema)
