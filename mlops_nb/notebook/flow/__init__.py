"""How values flow between cells: which cell needs which, and in what order cells made a result.

`effects` tables of what the calls of well-known libraries do; `objects` the objects of a notebook as far as its text
tells; `interpreter` runs cells on such objects, `calls` does so for calls of libraries and methods; `outside` files,
shell lines and magics; `graph` the graph of a list of cells; `history` the executions that made a notebook's result.
"""
