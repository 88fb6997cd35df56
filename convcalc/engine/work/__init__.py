"""What the algorithms share: blocks, copies, products, threads."""
