"""The OpenAPI document, made from the schemas that validate and from the table of problems.

It is built when it is first asked for: apispec is imported then and not at the start.

Standard: https://spec.openapis.org/oas/v3.1.1
"""
