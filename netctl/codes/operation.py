"""NC4xx and NC5xx: plans, ownership and applying."""

from netctl.codes.code import Code

PLANNING = {
    "NC401": Code(
        "A declared object is there already and foreign",
        "An object of the same name exists and does not carry this stack's mark. It is never changed unasked.",
        "See what it is with `netctl import`; then take it over with `--adopt`, remove it, or rename the declaration.",
    ),
    "NC402": Code(
        "Too much would be deleted",
        "The plan deletes more than `--max-deletes` allows, or, without that option, everything that the stack owns.",
        "If it is meant, say `--max-deletes` with the number, or use `netctl destroy`.",
    ),
    "NC403": Code(
        "Not confirmed",
        "Something would be deleted or replaced, and the question was not answered with yes, or nobody could be asked.",
        "Look at the plan; if it is meant, say `--yes`.",
    ),
    "NC404": Code(
        "A stale plan",
        "The declaration or the live state has changed since the plan was made.",
        "Make the plan again, and look at it again.",
    ),
    "NC405": Code(
        "Not a saved plan",
        "The file is not what `netctl plan --out` writes, or cannot be read.",
        "Write the plan with `netctl plan --out`.",
    ),
    "NC406": Code(
        "Not all could be read",
        "A part of the live state could not be read; nothing that depends on it was changed.",
        "Mend the cause that the plan shows, and try again.",
    ),
    "NC407": Code(
        "Something is left after destroying",
        "Objects of the stack were there still, or again, after all had been deleted.",
        "Run `netctl destroy` again; if they come back, find out what makes them.",
    ),
    "NC408": Code(
        "A swarm's network is held elsewhere",
        "A network of a swarm is to be removed, or made anew for a change, while containers of other Engines, or "
        "services of the swarm, are on it. Docker refuses that; nothing was changed.",
        "Take them off the network there (`docker network disconnect -f NETWORK CONTAINER`, `docker service update "
        "--network-rm NETWORK SERVICE`), apply, and connect them again.",
    ),
}

APPLYING = {
    "NC501": Code(
        "An apply failed",
        "A system refused a change, or a change did not stick. The report lists what was done, what failed and what "
        "was undone.",
        "Mend the cause that the report names, and apply again; `--keep-partial` leaves what has been done.",
    ),
}
