"""``python -m bmux_forensics``: the command line."""

from bmux_forensics.cli import main

if __name__ == "__main__":
    main()
