"""NC276 to NC279 and NC35x: what Consul is told, and what the host's agent can do."""

from netctl.codes.code import Code

CONSUL = {
    "NC276": Code(
        "Metadata that Consul refuses",
        "Consul takes 64 pairs of metadata for a service, of which netctl needs some; keys of 128 letters, digits, `-` "
        "and `_`; values of 512 bytes. What begins with `consul-` or `netctl-` is not yours to set.",
        "Rename, shorten or remove it; `kv` has room for more.",
    ),
    "NC277": Code(
        "A check that cannot work",
        "The check lacks something, or has something that its kind does not use. The message says what.",
        "Correct the check.",
    ),
    "NC278": Code(
        "An endpoint whose host is not known",
        "An instance is registered on its own host's Consul agent. Of this address nothing tells the host: it is no "
        "host's, in no network of the stack, and `host` is not given.",
        "Write `{address: …, host: …}`, or `register: false` on the service.",
    ),
    "NC279": Code(
        "A config entry, query or intention that Consul refuses",
        "Config entries have the fields that Consul's documentation names; a splitter's weights are 100 together; a "
        "source has one intention; a query asks in one way. The message says what is wrong.",
        "Correct it; Consul's own documentation tells what each field means.",
    ),
    "NC351": Code(
        "A check that the agent does not run",
        "The host's Consul agent takes no checks that are programs (`script`, `docker`) unless its configuration says "
        "so; `enable_local_script_checks` allows only those of its own configuration.",
        "Set `enable_script_checks = true` there, or use another kind of check.",
    ),
    "NC352": Code(
        "A check that the agent does not know",
        "The host's Consul agent is older than this kind of check, or this key of it.",
        "Use a later Consul, or another kind of check.",
    ),
    "NC353": Code(
        "A key's file that cannot be read",
        "A key under `kv` takes its value from a file that does not exist, is not readable, or is larger than the "
        "512 KiB that Consul takes.",
        "Correct the path, which is relative to the file that names it, or divide the value.",
    ),
    "NC354": Code(
        "Policies that intentions cannot follow",
        "An intention is about services as a whole. It cannot say what holds for some of their endpoints only, nor is "
        "it derived for containers, of which each host knows only its own.",
        "Declare the intentions of the service, or let the policies select services.",
    ),
}
