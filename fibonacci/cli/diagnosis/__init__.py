"""What `fibonacci doctor` looks at: the configuration, the network as the transport sees it, the platform."""
