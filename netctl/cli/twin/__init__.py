"""``netctl twin``: a stack built and tried out on this machine, as network namespaces; a module for each verb."""
