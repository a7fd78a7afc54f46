"""The composition root: the command line puts the rooms together."""
