"""The query language: what callers ask for, as data (column, operator, value) that a repository turns into SQL."""
