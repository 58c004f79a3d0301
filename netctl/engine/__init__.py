"""The pure core: resources, diff, plan, apply. It knows no system but through the reconciler protocol."""
