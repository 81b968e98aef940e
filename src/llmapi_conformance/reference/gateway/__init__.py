"""The reference gateway: a conforming LLMAPI in front of any upstream, written from the documentation's facts."""

from llmapi_conformance.reference.gateway.server import RunningGateway, running_gateway
from llmapi_conformance.reference.gateway.settings import GatewaySettings, TaskSettings

__all__ = ["GatewaySettings", "RunningGateway", "TaskSettings", "running_gateway"]
