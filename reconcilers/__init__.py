"""One package for each system that netctl reconciles; each implements `netctl.engine.protocol.System`.

They are found through the entry-point group ``netctl.reconcilers``; a third party adds a system by naming its own.
"""
