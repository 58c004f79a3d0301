"""The fields of Consul's config entries, as its API documentation has them (/v1/config): the one place that knows them.

What is done by it is in `netctl.kinds.consul_entries`.
"""

from enum import Enum
from typing import Any, NamedTuple


class Leaf(Enum):
    """A single value."""

    TEXT = "text"
    NUMBER = "a number"
    FLAG = "`true` or `false`"
    DURATION = "a length of time such as 10s"
    ANYTHING = "anything"


class By(NamedTuple):
    """A mapping whose keys are the user's own."""

    values: "Spec"


Spec = Leaf | By | list[Any] | dict[str, Any]
"""A list has the spec of its entries; a dictionary that of each field."""

TEXT, NUMBER, FLAG, DURATION = Leaf.TEXT, Leaf.NUMBER, Leaf.FLAG, Leaf.DURATION
_GATEWAY: Spec = {"Mode": TEXT}
_PATHS: Spec = [{"ListenerPort": NUMBER, "Path": TEXT, "LocalPathPort": NUMBER, "Protocol": TEXT}]
_EXPOSE: Spec = {"Checks": FLAG, "Paths": _PATHS}
_TRANSPARENT: Spec = {"OutboundListenerPort": NUMBER, "DialedDirectly": FLAG}
_HEADERS: Spec = {"Add": By(TEXT), "Set": By(TEXT), "Remove": [TEXT]}
_EXTENSIONS: Spec = [
    {"Name": TEXT, "Required": FLAG, "Arguments": Leaf.ANYTHING, "ConsulVersion": TEXT, "EnvoyVersion": TEXT}
]
_LIMITS: Spec = {"MaxConnections": NUMBER, "MaxPendingRequests": NUMBER, "MaxConcurrentRequests": NUMBER}
_HEALTH: Spec = {
    "Interval": DURATION, "MaxFailures": NUMBER, "EnforcingConsecutive5xx": NUMBER, "MaxEjectionPercent": NUMBER,
    "BaseEjectionTime": DURATION,
}  # fmt: skip
_UPSTREAM: dict[str, Any] = {
    "EnvoyListenerJSON": TEXT, "EnvoyClusterJSON": TEXT, "Protocol": TEXT, "ConnectTimeoutMs": NUMBER,
    "MeshGateway": _GATEWAY, "BalanceOutboundConnections": TEXT, "Limits": _LIMITS, "PassiveHealthCheck": _HEALTH,
}  # fmt: skip
_NAMED: dict[str, Any] = {"Name": TEXT, "Namespace": TEXT, "Partition": TEXT, "Peer": TEXT}
_TLS: Spec = {
    "Enabled": FLAG, "TLSMinVersion": TEXT, "TLSMaxVersion": TEXT, "CipherSuites": [TEXT],
    "SDS": {"ClusterName": TEXT, "CertResource": TEXT},
}  # fmt: skip
_MATCHED: dict[str, Any] = {
    "Name": TEXT, "Present": FLAG, "Exact": TEXT, "Prefix": TEXT, "Suffix": TEXT, "Contains": TEXT, "Regex": TEXT,
    "IgnoreCase": FLAG, "Invert": FLAG,
}  # fmt: skip
_DESTINATION: dict[str, Any] = {
    "Service": TEXT, "ServiceSubset": TEXT, "Namespace": TEXT, "Partition": TEXT, "Datacenter": TEXT, "Peer": TEXT,
    "SamenessGroup": TEXT,
}  # fmt: skip

FIELDS: dict[str, dict[str, Any]] = {
    "service-defaults": {
        "Protocol": TEXT, "Mode": TEXT, "MeshGateway": _GATEWAY, "Expose": _EXPOSE, "ExternalSNI": TEXT,
        "TransparentProxy": _TRANSPARENT, "MutualTLSMode": TEXT, "EnvoyExtensions": _EXTENSIONS,
        "Destination": {"Addresses": [TEXT], "Port": NUMBER}, "MaxInboundConnections": NUMBER,
        "BalanceInboundConnections": TEXT, "LocalConnectTimeoutMs": NUMBER, "LocalRequestTimeoutMs": NUMBER,
        "RateLimits": Leaf.ANYTHING,
        "UpstreamConfig": {"Defaults": _UPSTREAM, "Overrides": [{**_NAMED, **_UPSTREAM}]},
    },
    "service-resolver": {
        "DefaultSubset": TEXT, "ConnectTimeout": DURATION, "RequestTimeout": DURATION,
        "Subsets": By({"Filter": TEXT, "OnlyPassing": FLAG}),
        "Redirect": _DESTINATION,
        "Failover": By(
            {
                "Service": TEXT, "ServiceSubset": TEXT, "Namespace": TEXT, "Datacenters": [TEXT],
                "Targets": [_DESTINATION], "SamenessGroup": TEXT, "Policy": {"Mode": TEXT, "Regions": [TEXT]},
            }
        ),
        "PrioritizeByLocality": {"Mode": TEXT},
        "LoadBalancer": {
            "Policy": TEXT,
            "RingHashConfig": {"MinimumRingSize": NUMBER, "MaximumRingSize": NUMBER},
            "LeastRequestConfig": {"ChoiceCount": NUMBER},
            "HashPolicies": [
                {
                    "Field": TEXT, "FieldValue": TEXT, "SourceIP": FLAG, "Terminal": FLAG,
                    "CookieConfig": {"Session": FLAG, "TTL": DURATION, "Path": TEXT},
                }
            ],
        },
    },
    "service-splitter": {
        "Splits": [{"Weight": NUMBER, **_DESTINATION, "RequestHeaders": _HEADERS, "ResponseHeaders": _HEADERS}],
    },
    "service-router": {
        "Routes": [
            {
                "Match": {
                    "HTTP": {
                        "PathExact": TEXT, "PathPrefix": TEXT, "PathRegex": TEXT, "CaseInsensitive": FLAG,
                        "Methods": [TEXT], "Header": [_MATCHED], "QueryParam": [_MATCHED],
                    }
                },
                "Destination": {
                    **_DESTINATION, "PrefixRewrite": TEXT, "RequestTimeout": DURATION, "IdleTimeout": DURATION,
                    "NumRetries": NUMBER, "RetryOnConnectFailure": FLAG, "RetryOn": [TEXT],
                    "RetryOnStatusCodes": [NUMBER], "RequestHeaders": _HEADERS, "ResponseHeaders": _HEADERS,
                },
            }
        ],
    },
    "service-intentions": {
        "Sources": [
            {**_NAMED, "Action": TEXT, "Description": TEXT, "SamenessGroup": TEXT, "Permissions": Leaf.ANYTHING}
        ],
        "JWT": Leaf.ANYTHING,
    },
    "ingress-gateway": {
        "TLS": _TLS, "Defaults": _LIMITS,
        "Listeners": [
            {
                "Port": NUMBER, "Protocol": TEXT, "TLS": _TLS,
                "Services": [
                    {
                        **_NAMED, "Hosts": [TEXT], "TLS": _TLS, "RequestHeaders": _HEADERS,
                        "ResponseHeaders": _HEADERS, "MaxConnections": NUMBER, "MaxPendingRequests": NUMBER,
                        "MaxConcurrentRequests": NUMBER, "PassiveHealthCheck": _HEALTH,
                    }
                ],
            }
        ],
    },
    "terminating-gateway": {
        "Services": [
            {
                **_NAMED, "CAFile": TEXT, "CertFile": TEXT, "KeyFile": TEXT, "SNI": TEXT,
                "DisableAutoHostRewrite": FLAG,
            }
        ],
    },
    "proxy-defaults": {
        "Config": Leaf.ANYTHING, "Mode": TEXT, "MeshGateway": _GATEWAY, "Expose": _EXPOSE,
        "TransparentProxy": _TRANSPARENT, "MutualTLSMode": TEXT, "EnvoyExtensions": _EXTENSIONS,
        "AccessLogs": {
            "Enabled": FLAG, "DisableListenerLogs": FLAG, "Type": TEXT, "Path": TEXT, "JSONFormat": TEXT,
            "TextFormat": TEXT,
        },
        "FailoverPolicy": {"Mode": TEXT, "Regions": [TEXT]}, "PrioritizeByLocality": {"Mode": TEXT},
    },
}  # fmt: skip
"""By kind, without ``Kind``, ``Name``, ``Meta`` (where the mark is), and what tells of changes."""
