"""PostgreSQL: engine and databases, unit of work, set-based statements, migrations, privileges, the embedded server."""
