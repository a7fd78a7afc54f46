"""The rules, pure: no I/O, no clock, no thread. Time is passed in."""
