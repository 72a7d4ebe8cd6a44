"""Stage 1's parts: films found, read, cut, steadied, fitted and packed; packed frames read as arrays."""
