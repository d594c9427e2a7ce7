"""Exported targets run by the tools they are for, each in an environment of its own: `make test-targets`."""
