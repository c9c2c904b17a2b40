"""Values from outside made to fit a type, and every fault in them in words."""
