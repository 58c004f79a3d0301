"""Plans, results and mistakes as text, JSON, Markdown and SARIF."""
