"""The array rung: a native solver for whole crossbars."""
