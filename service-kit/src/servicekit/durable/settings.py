"""
What a service that carries out sagas can be told beside the rest.
"""

from typing import Annotated

from pydantic import Field

from servicekit.settings import ServiceSettings


class DurableSettings(ServiceSettings):
    """
    For a service that has an ``Engine``.
    """

    undo_attention_after_seconds: Annotated[
        float,
        Field(gt=0, le=86_400, description="When work that repeats a step needs attention; s"),
    ] = 60.0
    saga_keep_hours: Annotated[
        float,
        Field(gt=0, le=8760, description="How long the journal of ended work is kept; h"),
    ] = 24.0
    replica_name: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{0,100}$",
            description="This replica in logs, such as the pod's name; none: the host's name",
        ),
    ] = ""
