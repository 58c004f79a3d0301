"""netctl: declarative container networking for plain Linux hosts.

The packages, lowest first; nothing in one knows what is to its right:
``engine`` (resources, diff, plan, apply) · ``kinds`` (the kinds of resource) · ``stack`` (the language) ·
``compiler`` (stack to resources) · ``report`` (plan to text) · ``cli`` (the commands).
"""

__version__ = "0.1.0"
