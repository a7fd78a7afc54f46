"""What an inspector asks of a log: folded from its entries, as tables, CSV files and a page to print."""

from gateway.service.report.fold import Report, Told
from gateway.service.report.table import Table, day_of
from gateway.service.report.writing import Heading, write_csv, write_page

__all__ = ["Heading", "Report", "Table", "Told", "day_of", "write_csv", "write_page"]
