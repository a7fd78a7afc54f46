"""``optout demo``: the whole way of a message on one machine, over the real protocols."""
