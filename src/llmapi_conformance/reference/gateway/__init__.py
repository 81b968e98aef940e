"""The reference gateway: a conforming LLMAPI in front of any upstream, written from the documentation's facts."""

from llmapi_conformance.reference.gateway.server import RunningGateway, running_gateway
from llmapi_conformance.reference.gateway.settings import GatewaySettings

__all__ = ["GatewaySettings", "RunningGateway", "running_gateway"]
