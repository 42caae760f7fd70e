"""`python -m descenso`."""

from descenso.cli import main

main()
