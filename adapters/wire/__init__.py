"""Pure packet codecs: bytes to dataclasses and back, no I/O, no clock, no state but a byte buffer."""
