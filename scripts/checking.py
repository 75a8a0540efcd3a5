# What the scripts that check a running server share.
import sys

passed = 0


def check(name, truth, found=""):
    """Counts what holds; the first thing that does not ends the script with what was found instead."""
    global passed
    if not truth:
        print(f"failed: {name} {found}")
        sys.exit(1)
    passed += 1
