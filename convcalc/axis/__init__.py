"""One axis, in whole numbers: knows no layer."""
