"""What the algorithms share: blocks, copies, calls, threads."""
