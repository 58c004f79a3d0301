"""What every model of the language is."""

from pydantic import BaseModel, ConfigDict


class Declaration(BaseModel):
    """Base of everything in a stack: unknown keys are errors, values are not coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)
