"""What travels over the wire about users."""

from app.schemas.base import NewRowSchema, patch_schema, row_schema
from app.schemas.fields import EmailAddress, Flag, Object, Time, TimeZoneName, documented_default


class NewUserSchema(NewRowSchema):
    """A person, as a caller creates one."""

    example = {
        "email": "ada@example.com",
        "profile": {"name": "Ada", "language": "en"},
        "notification_preferences": {"phone_number": "+971501234567", "channels": ["push", "whatsapp"]},
        "timezone": "Asia/Dubai",
    }

    email = EmailAddress(required=True)
    onboarded = Flag(**documented_default(False))
    profile = Object(allow_none=True)
    notification_preferences = Object(allow_none=True)
    timezone = TimeZoneName(**documented_default("UTC"))
    phone_verified = Flag(**documented_default(False))
    whatsapp_opt_in_at = Time(allow_none=True)
    push_subscription = Object(allow_none=True)
    monthly_token_usage = Object(allow_none=True)


UserSchema = row_schema(NewUserSchema)
UserPatchSchema = patch_schema(NewUserSchema)
