"""What tests are built from.

`mode` makes clients of each mode and carries out their calls, `clock` lets waits take no time, `server` sends scripted
responses and faults over real sockets (`listener`, `peer` and `steps` are its parts, `http2_server` is the same for
HTTP/2), and `transport` does so without a socket.
"""
