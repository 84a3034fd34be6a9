"""What people look at: pictures, tables and the report. Thin: every fact is the library's.

Nothing here reads a file or judges anything; it draws what the package's public names
give. What it needs to draw with is imported when something is drawn.
"""
