"""Content to a `Stack`, at the cost of what it declares.

Pydantic compiles the models that it validates with, which takes longer than to validate a small stack. So only those
of the sections that are there are compiled: a language that grows makes no command slower.
"""

from typing import Any

from pydantic import ValidationError, create_model

from netctl.stack.declaration import Declaration
from netctl.stack.models import Stack

InvalidError = ValidationError
"""All that is wrong with a stack's content, in pydantic's terms."""


def validated(content: dict[str, Any]) -> Stack:
    """The stack. Raises InvalidError, with the same errors as ``Stack.model_validate``."""
    fields = Stack.model_fields
    sections = {name: field for name, field in fields.items() if name in content or field.is_required()}
    declared: Any = {name: (field.annotation, field) for name, field in sections.items()}
    model = create_model(Stack.__name__, __base__=Declaration, **declared).model_validate(content)
    return Stack.model_construct(model.__pydantic_fields_set__, **{name: getattr(model, name) for name in sections})
