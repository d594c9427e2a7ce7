"""How values flow between cells: which cell needs which, and in what order cells made a result.

graph.py         the graph of a list of cells; history.py the executions that made a notebook's result
interpreter.py   runs cells on objects of which only what the text tells is known; it is made of
statements.py    assignments, branches, loops, definitions, imports
expressions.py   what expressions may be
functions.py     functions and classes that cells define
methods.py, python_calls.py, libraries.py, calls.py
                 what calls do, by what is called
outside.py       files, environment, random states, plots, settings, shell lines and magics
memory.py        who bound which name, who changed which object
objects.py       the objects; effects.py what well-known libraries do, in tables; scopes.py which names are local
"""
