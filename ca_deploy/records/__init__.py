"""Records: frozen, validated data that becomes JSON, such as requests, manifests and reports."""
