"""A report on a folder -> a document, by the suffix of its file."""

from ca_deploy.render import html, markdown
from ca_deploy.render.report.sections import about, sections
from ca_deploy.reporting import Report

TITLE = "Which file do I ship?"
SUFFIXES = (".html", ".md")


def document(report: Report, suffix: str) -> str:
    """The whole text."""
    made = sections(report)
    if suffix == ".md":
        return markdown.document(TITLE, about(report), made)
    return html.page(TITLE, about(report), made)
