"""Numbers of the kernel's interface, from its headers linux/netlink.h, linux/netfilter/{nfnetlink,nf_tables}.h.

Attribute numbers that nest in one attribute alone are where they are used.
"""

from enum import IntEnum, IntFlag

NETLINK_NETFILTER = 12
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLMSGERR_ATTR_MSG = 1

NFNL_SUBSYS_NFTABLES = 10
NFNL_MSG_BATCH_BEGIN = 16
NFNL_MSG_BATCH_END = 17
NFNL_BATCH_GENID = 1
NFNLGRP_NFTABLES = 7


class Flag(IntFlag):
    """Of a netlink message (NLM_F_…)."""

    REQUEST = 0x1
    ACK = 0x4
    DUMP_INTR = 0x10
    DUMP = 0x300
    REPLACE = 0x100
    EXCL = 0x200
    CREATE = 0x400
    APPEND = 0x800
    ACK_TLVS = 0x200


class Message(IntEnum):
    """NFT_MSG_…"""

    NEWTABLE = 0
    GETTABLE = 1
    DELTABLE = 2
    NEWCHAIN = 3
    GETCHAIN = 4
    DELCHAIN = 5
    NEWRULE = 6
    GETRULE = 7
    DELRULE = 8
    NEWSET = 9
    GETSET = 10
    DELSET = 11
    NEWSETELEM = 12
    GETSETELEM = 13
    DELSETELEM = 14
    NEWGEN = 15
    GETGEN = 16


class TableAttribute(IntEnum):
    """NFTA_TABLE_…"""

    NAME = 1
    FLAGS = 2
    HANDLE = 4
    USERDATA = 6


class ChainAttribute(IntEnum):
    """NFTA_CHAIN_…"""

    TABLE = 1
    NAME = 3
    HOOK = 4
    POLICY = 5
    TYPE = 7


class RuleAttribute(IntEnum):
    """NFTA_RULE_…"""

    TABLE = 1
    CHAIN = 2
    HANDLE = 3
    EXPRESSIONS = 4
    USERDATA = 7


class SetAttribute(IntEnum):
    """NFTA_SET_…"""

    TABLE = 1
    NAME = 2
    FLAGS = 3
    KEY_TYPE = 4
    KEY_LEN = 5
    DATA_TYPE = 6
    DATA_LEN = 7
    DESC = 9
    ID = 10
    USERDATA = 13
    COUNT = 20


class SetFlag(IntFlag):
    """NFT_SET_…"""

    INTERVAL = 0x4
    MAP = 0x8
    CONCAT = 0x80


class ElementAttribute(IntEnum):
    """NFTA_SET_ELEM_…, and NFTA_SET_ELEM_LIST_… of the message around them."""

    KEY = 1
    DATA = 2
    FLAGS = 3
    USERDATA = 6
    KEY_END = 10

    LIST_TABLE = 1
    LIST_SET = 2
    LIST_ELEMENTS = 3


INTERVAL_END = 1
"""The flag of an element that ends an interval (NFT_SET_ELEM_INTERVAL_END)."""

LIST_ELEM = 1
"""NFTA_LIST_ELEM."""
DATA_VALUE = 1
DATA_VERDICT = 2
VERDICT_CODE = 1
VERDICT_CHAIN = 2
DATA_TYPE_VERDICT = 0xFFFFFF00

FAMILIES = {"inet": 1, "ip": 2, "bridge": 7, "ip6": 10}
"""NFPROTO_… of the families that netctl looks at."""

HOOKS = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4, "ingress": 5}
"""NF_INET_…, and NF_INET_INGRESS."""

POLICIES = {"drop": 0, "accept": 1}
VERDICTS = {"drop": 0, "accept": 1, "continue": -1, "jump": -3, "goto": -4, "return": -5}
