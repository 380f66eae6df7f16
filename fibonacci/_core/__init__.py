"""The rules of the client, without colour: nothing in here waits or does input and output."""
