"""pymerkle, as a program of its own: entries come as lines of hexadecimal; each line of a size is answered by a root.

pymerkle is GPL, and so it is no part of what imports us.
"""

import sys

from pymerkle import InmemoryTree


def main() -> None:
    """Read until the end."""
    tree = InmemoryTree(algorithm="sha256")
    for line in sys.stdin:
        kind, _, value = line.strip().partition(" ")
        if kind == "entry":
            tree.append_entry(bytes.fromhex(value))
        else:
            print(bytes(tree.get_root(int(value))).hex(), flush=True)


if __name__ == "__main__":
    main()
