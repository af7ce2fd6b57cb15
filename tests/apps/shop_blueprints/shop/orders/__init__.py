from .routes import orders

__all__ = ["orders"]
