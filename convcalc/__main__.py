"""`python -m convcalc` is `convcalc`."""

from convcalc.cli import main

main()
