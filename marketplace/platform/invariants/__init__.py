"""The running checks: invariants, checked range by range all day."""
