"""The models of a definition: nodes and workflow, in both spellings, and plain JSON made from them."""
