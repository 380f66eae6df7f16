"""What tests are built from: modes, clocks, servers and transports."""
