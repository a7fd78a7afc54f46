"""Pure protocol state machines: bytes, events and `now` in; events, bytes and `wake_at` out.

Nothing here opens a socket, starts a thread or reads a clock. Every `now` is a monotonic time in seconds; where a
protocol puts the time of day on the wire, it is passed separately, as an aware `datetime`.
"""
