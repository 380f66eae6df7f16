"""Networks and operating systems, for both modes: sockets, addresses, TLS contexts, proxies, instrumentation."""
