from .routes import catalog

__all__ = ["catalog"]
