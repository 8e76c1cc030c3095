"""``python -m squeezebert``: the command line."""

import sys

from squeezebert.cli import main

if __name__ == "__main__":
    sys.exit(main())
