"""The mistakes of well-formed declarations, while others of their stack are malformed and left out.

Only such mistakes are told of as stay mistakes whatever those others turn out to be, so that nobody has to correct
what is right: an address outside its subnet, but not that nothing leads to a host.
"""

from netctl.compiler.checks import check
from netctl.compiler.places import Places, Problems
from netctl.compiler.topology import resolve
from netctl.errors import Diagnostic, Severity
from netctl.stack.models import Stack

_OF_REFERENCES = {"NC201", "NC260", "NC264"}
"""What is not declared, unless it is among what was left out: that is named in the message."""
_LASTING = {
    *("NC202", "NC204", "NC205", "NC206", "NC207", "NC208", "NC209"),  # hosts are all there
    *("NC210", "NC211", "NC212", "NC213", "NC214", "NC215", "NC216", "NC217", "NC218", "NC219"),  # subnets
    *("NC220", "NC221", "NC222", "NC223", "NC224", "NC225", "NC226", "NC227"),  # endpoints
    *("NC228", "NC229", "NC230", "NC231", "NC232", "NC233"),  # networks
    *("NC240", "NC241", "NC242", "NC243", "NC245", "NC250", "NC251", "NC252"),  # routes and rules
    *("NC262", "NC263", "NC276", "NC277", "NC293", "NC296"),  # policies and services
}
"""What is wrong within one declaration, or between two of those that are there."""


def further_mistakes(stack: Stack, places: Places, left_out: frozenset[str]) -> list[Diagnostic]:
    """Errors of the declarations of *stack*, from which those of the names *left_out* were taken."""
    problems = Problems(places)
    check(resolve(stack), problems)
    return [problem for problem in problems.found if problem.severity is Severity.ERROR and _lasts(problem, left_out)]


def _lasts(problem: Diagnostic, left_out: frozenset[str]) -> bool:
    if problem.code in _OF_REFERENCES:
        return not any(f"'{name}'" in problem.message for name in left_out)
    return problem.code in _LASTING
