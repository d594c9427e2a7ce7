"""Delete and restore, collect what nobody needs, backup, what takes the space.

records.py   what each of them says it did
service.py   delete, restore, gc, space
backups.py   the store in one file, and back
"""
