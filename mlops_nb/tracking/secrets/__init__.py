"""What must not reach the disk, and what stands in its place.

rules.py      a text without its secrets: by exact value, by shape, by name
shapes.py     how the providers' keys look
redaction.py  the values of this process's environment, the store's own patterns: the door
"""
