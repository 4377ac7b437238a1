"""Runs the server of a WPT checkout (the working directory) without wpt's virtualenv: all it needs is vendored there."""

import os
import sys

sys.path.insert(0, os.path.join(os.getcwd(), 'tools'))

import localpaths  # noqa: E402, F401
from serve import serve  # noqa: E402

if __name__ == '__main__':
    sys.exit(serve.main())
