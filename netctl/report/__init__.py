"""Plans, results, states and mistakes as text, JSON, Markdown, SARIF. Nothing here reads or changes a system."""
