"""A validated stack to the resources that one host is to have. Pure: it reads nothing but its arguments.

`netctl.compiler.topology` resolves the references of a stack; `netctl.compiler.checks` finds what is wrong with it;
then the modules of the declared kinds (networks, macvlan, overlays, routes, rules) write the resources of one host, the
`netctl.compiler.site.Site`. The order of declarations never changes the result, and what one host works out
about another (its block, its MAC addresses, its endpoints' addresses) is what that host works out itself.
"""

from netctl.compiler.compile import Compiled, compile_stack, validate
from netctl.compiler.hosts import choose_host
from netctl.compiler.places import Path, Places

__all__ = ["Compiled", "Path", "Places", "choose_host", "compile_stack", "validate"]
