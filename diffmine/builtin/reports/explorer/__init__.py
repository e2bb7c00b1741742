"""The explorer: one static page that shows a run. Python gathers and writes; ``app/`` and ``style/`` are the page."""
