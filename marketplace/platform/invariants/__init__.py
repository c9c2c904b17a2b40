"""The running checks: what must always hold, checked range by range all day."""
