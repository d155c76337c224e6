"""What Schemathesis does not know by itself: how the bytes of a sound are sent."""

import schemathesis


@schemathesis.serializer(
    "audio/wav", "audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/flac"
)
def sound(ctx, value):
    if isinstance(value, bytes):
        return value
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return bytes(item % 256 for item in value)
    return str(value).encode()
