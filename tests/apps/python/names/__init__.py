def main(query, *rest, greeting="Hello", **more):
    """A parameter is bound by its name; one with a default need not be."""
    return f"{greeting}, {query.params['name']}! {rest} {more}"
