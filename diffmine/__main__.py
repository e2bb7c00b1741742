"""``python -m diffmine``."""

from diffmine.commands.cli import main

main()
