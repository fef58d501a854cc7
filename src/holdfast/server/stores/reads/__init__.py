"""Reading: what pages, the API and exports ask of a store."""
