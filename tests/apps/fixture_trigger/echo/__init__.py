#: Values of these types cannot come back unchanged, as they arrive as text.
VALUES = {
    "bool": True,
    "large": 1 << 70,
    "tuple": (1, "a"),
    "set": {1},
    "nan": [float("nan")],
}


def main(data):
    return VALUES.get(data, data) if isinstance(data, str) else data
