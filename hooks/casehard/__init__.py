"""Casehard: hardens a Python service for production and keeps it current."""
