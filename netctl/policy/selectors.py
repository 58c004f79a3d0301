"""Which endpoints an expression selects: of one, by its labels; of many at once, by an index of theirs.

The index answers by set operations over those that have a label or a value, so that a thousand selectors over ten
thousand endpoints do not look at ten million pairs.
"""

from collections.abc import Mapping
from functools import reduce

from netctl.policy.expressions import All, And, Contains, Expression, Has, In, Not, Or, parse

Labels = Mapping[str, str]


def matches(expression: Expression, labels: Labels) -> bool:
    """Whether the expression is true of something with these labels."""
    match expression:
        case All():
            return True
        case Has(key):
            return key in labels
        case In(key, values):
            return labels.get(key) in values
        case Contains(key):
            return key in labels and expression.holds(labels[key])
        case Not(operand):
            return not matches(operand, labels)
        case And(operands):
            return all(matches(operand, labels) for operand in operands)
        case Or(operands):
            return any(matches(operand, labels) for operand in operands)


class LabelIndex:
    """Names by what is labelled how. Answers are kept: many policies share a few selectors."""

    def __init__(self, labelled: Mapping[str, Labels]) -> None:
        self.everything = frozenset(labelled)
        self._by_value: dict[str, dict[str, set[str]]] = {}
        for name, labels in labelled.items():
            for key, value in labels.items():
                self._by_value.setdefault(key, {}).setdefault(value, set()).add(name)
        self._chosen: dict[Expression, frozenset[str]] = {}

    def select(self, text: str) -> frozenset[str]:
        """The names of which the expression is true. Raises ExpressionError."""
        return self._select(parse(text))

    def labelled(self, labels: Labels) -> frozenset[str]:
        """The names that have all of these labels."""
        return self._select(And(tuple(In(key, frozenset({value})) for key, value in sorted(labels.items()))))

    def _select(self, expression: Expression) -> frozenset[str]:
        found = self._chosen.get(expression)
        if found is None:
            found = self._chosen[expression] = self._choose(expression)
        return found

    def _choose(self, expression: Expression) -> frozenset[str]:
        nothing: frozenset[str] = frozenset()
        match expression:
            case All():
                return self.everything
            case Has(key):
                return nothing.union(*self._by_value.get(key, {}).values())
            case In(key, values):
                known = self._by_value.get(key, {})
                return nothing.union(*(known[value] for value in values if value in known))
            case Contains(key):
                known = self._by_value.get(key, {})
                return nothing.union(*(names for value, names in known.items() if expression.holds(value)))
            case Not(operand):
                return self.everything - self._select(operand)
            case And(operands):
                return reduce(frozenset.__and__, map(self._select, operands), self.everything)
            case Or(operands):
                return nothing.union(*map(self._select, operands))
