"""The networks that the chapters train, each stated in one `ModelConfig`."""

from ncbook.lab.models.config import ModelConfig
from ncbook.lab.models.network import Network, build, count_parameters

__all__ = ["ModelConfig", "Network", "build", "count_parameters"]
