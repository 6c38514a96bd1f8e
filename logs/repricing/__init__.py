"""Past calls priced anew, on request, beside the ingestion."""
