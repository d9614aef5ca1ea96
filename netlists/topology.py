"""The one list of elements from which circuit and graph are made."""
