"""The nftables reconciler, against the kernel; nft is the oracle."""
