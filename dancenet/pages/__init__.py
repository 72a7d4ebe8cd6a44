"""Results to look at: sheets, plots and pages that need nothing beside them."""
