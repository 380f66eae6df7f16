"""What both modes need to know of networks and operating systems: sockets, addresses, TLS contexts, proxies."""
