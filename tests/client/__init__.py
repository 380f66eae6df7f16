"""The client as a program uses it: its options, its calls, its errors, its lists."""
