"""What must not reach the disk, and what stands in its place.

rules.py        a text, or all the texts of a value, without its secrets
places.py       where they are: by shape, by name, by a pattern of the user's own
words.py        what a name says, and what a secret value looks like
shapes.py       how the providers' keys look
environment.py  the values of environment variables
marks.py        what stands where a secret was
redaction.py    the values of this process's environment, the store's own patterns: the door
"""
