"""How many rows of a long list are held at once when it is written to a file."""

from typing import Final

SLICE_ROWS: Final = 1000
