"""What a PromQL query names: metrics, and labels of theirs. Parsed, not searched for.

https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import promql_parser

# Grafana puts times in their place before Prometheus sees the query.
VARIABLES = re.compile(r"\$__(rate_interval|range|interval)\b")


@dataclass
class Named:
    """The metrics and labels that a query names."""

    metrics: set[str] = field(default_factory=set)
    labels: set[tuple[str, str]] = field(default_factory=set)
    """Labels that a metric is asked for, each with the metric."""
    grouped_by: set[str] = field(default_factory=set)


def named(query: str) -> Named:
    """Raises ValueError where the query is not PromQL, or not by the types of its parts."""
    found = Named()

    def visit(expression: promql_parser.Expr) -> None:
        selector = expression
        if isinstance(selector, promql_parser.MatrixSelector):
            selector = selector.vector_selector
        if isinstance(selector, promql_parser.VectorSelector):
            if selector.name is None:
                raise ValueError(f"a selector without a metric: {query}")
            found.metrics.add(selector.name)
            found.labels |= {(selector.name, each.name) for each in selector.matchers.matchers}
        if isinstance(expression, promql_parser.AggregateExpr) and expression.modifier:
            found.grouped_by |= set(expression.modifier.labels)

    promql_parser.walk(promql_parser.parse(VARIABLES.sub("5m", query)), visit)
    return found
