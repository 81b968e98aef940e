"""What may stand in a target file: a model for each of its tables; reference page and JSON Schema are made of them."""

from __future__ import annotations

import re
from typing import Annotated, Any, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from llmapi_conformance.contract.clauses import Basis
from llmapi_conformance.target.objectives import Objective, objectives_of
from llmapi_conformance.target.target import TaskTerms

SURFACES = (
    *("auth", "access", "errors", "http", "messages", "responses", "chat", "gemini", "antigravity", "models", "usage"),
    *("images", "tasks", "websocket", "aliases"),
)
PLATFORMS = ("general:openai", "general:anthropic", "general:gemini", "general:antigravity", "image:batch")
CONDITIONS = ("second_key", "other_tenant", "disabled", "expired", "exhausted", "rate_limited", "no_images")


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write it as http://host:port or https://host")
    if parts.username or parts.password:
        raise ValueError("leave user name and password out of it")
    if parts.query or parts.fragment:
        raise ValueError("leave the query and the fragment out of it")
    _ = parts.port  # says what is wrong with one that can't be
    return value.rstrip("/")


def _path(value: str) -> str:
    if not re.fullmatch(r"/[\x21-\x7e]*", value) or "?" in value or "#" in value:
        raise ValueError("write it as a path below base_url, such as /v1/images/tasks")
    return value


def _share(value: float) -> float:
    if not 0 < value < 1:
        raise ValueError("write a share between 0 and 1, such as 0.999; no number of samples shows exactly all or none")
    return value


Url = Annotated[str, AfterValidator(_url)]
UrlPath = Annotated[str, AfterValidator(_path)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Milliseconds = Annotated[float, Field(gt=0, le=3_600_000)]
Share = Annotated[
    float,
    AfterValidator(_share),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Part(BaseModel):
    """One table; the text below each entry is what the reference says of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Secret(Part):
    """A header value that is taken from the environment and kept out of recordings and reports."""

    env: str
    """Name of the environment variable that holds it."""


class RolePart(Part):
    """A key: exactly one of key_env and key_file says where it is."""

    key_env: str = ""
    """Name of the environment variable that holds the key."""
    key_file: str = ""
    """A file that holds the key alone; a relative path counts from the target file."""
    models: list[str] = []
    """Names of the models that this key may call, the one to use first."""
    headers: dict[str, str | Secret] = {}
    """Further request headers for this role only."""
    optional: bool = False
    """Whether to go without this role where its key is not there."""


class TimeoutsPart(Part):
    """Deadlines in seconds."""

    connect: Seconds = 5.0
    """Until the connection stands."""
    first_byte: Seconds = 60.0
    """Until the response head is there."""
    idle: Seconds = 60.0
    """Between two reads of a body."""
    total: Seconds = 180.0
    """For a whole exchange."""


class LimitsPart(Part):
    """What the gateway bears, and what it promises to refuse."""

    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    """Requests under way at once, at most."""
    requests_per_second: Annotated[float, Field(ge=0)] = 0.0
    """Requests started per second, at most; 0 for no limit."""
    response_bytes: Annotated[int, Field(ge=1024)] = 32 * 1024 * 1024
    """Bytes of a response body that are read, at most."""
    refused_request_bytes: Annotated[int, Field(ge=0, le=64 * 1024 * 1024)] = 0
    """Bytes of a request body that the gateway promises to refuse; 0 when it promises none."""
    wrong_key_seconds: Annotated[float | None, Field(ge=0, le=3600)] = None
    """Between two requests without a good key, so that no lock-out is provoked; as the profile says when omitted."""


class PricePart(Part):
    """What a model costs; one of the three at least."""

    input: Amount = 0.0
    """A million tokens that it reads."""
    output: Amount = 0.0
    """A million tokens that it writes."""
    image: Amount = 0.0
    """An image that it makes, on top of its tokens."""

    @model_validator(mode="after")
    def _says_something(self) -> PricePart:
        if not self.model_fields_set:
            raise ValueError("name the price of input, output or image; 0 where the model is free")
        return self


class SpendingPart(Part):
    """What one run may spend at most; a run stops before the request that would break a limit."""

    requests: Annotated[int | None, Field(ge=1)] = None
    """Requests to the gateway, retries too; as the profile says when omitted."""
    input_tokens: Annotated[int | None, Field(ge=0)] = None
    """Tokens that models read; as the profile says when omitted."""
    output_tokens: Annotated[int | None, Field(ge=0)] = None
    """Tokens that models write; as the profile says when omitted."""
    money: Amount | None = None
    """In the currency of the prices; every model that is asked then needs a price. No limit when omitted."""
    currency: Annotated[str, Field(min_length=1, max_length=12)] = "USD"
    """Of the prices and of money."""


class TasksPart(Part):
    """What the target states about asynchronous image tasks; what it leaves open is not judged."""

    heartbeat_seconds: Seconds = 15.0
    """Between two heartbeats of the event stream."""
    end_seconds: Seconds = 300.0
    """How long the suite waits for the end of a task."""
    timeout_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """After which the gateway gives a running task up; 0 when it does not say."""
    running: Annotated[int, Field(ge=0)] = 0
    """Tasks of one key that run at once; 0 when it does not say."""
    waiting: Annotated[int, Field(ge=0)] = 0
    """Tasks of one key that may wait for a place; 0 when it does not say."""
    list_path: UrlPath = "/v1/images/tasks"
    """Path of the list, which no page of the documentation names."""

    def terms(self) -> TaskTerms:
        """The same, as the suite uses it."""
        return TaskTerms(
            heartbeat=self.heartbeat_seconds,
            end=self.end_seconds,
            timeout=self.timeout_seconds,
            running=self.running,
            waiting=self.waiting,
            list_path=self.list_path,
        )


class ObjectiveFigures(Part):
    """Figures that the vendor states; the acceptance profile holds what it measures against them."""

    first_token_p50_ms: Milliseconds | None = None
    """Median time to the first event of a stream, or a turn of a WebSocket, that bears content, at most."""
    first_token_p95_ms: Milliseconds | None = None
    """The same for 95 % of the streams, at most."""
    first_token_p99_ms: Milliseconds | None = None
    """The same for 99 % of the streams, at most."""
    total_p50_ms: Milliseconds | None = None
    """Median time to the end of an answer that is no stream, at most."""
    total_p95_ms: Milliseconds | None = None
    """The same for 95 % of these answers, at most."""
    total_p99_ms: Milliseconds | None = None
    """The same for 99 % of these answers, at most."""
    tokens_per_second_p50: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    """Median of output tokens per second of a stream or turn, from the request to its end, at least."""
    error_rate: Share | None = None
    """Share of requests that fail under the load, at most."""
    tool_call_validity: Share | None = None
    """Share of demanded tool calls whose arguments parse and fit the schema of the tool, at least."""
    stream_terminal_rate: Share | None = None
    """Share of streams, and turns of a WebSocket, that end with the terminal event of their protocol, at least."""
    turn_total_p50_ms: Milliseconds | None = None
    """Median time to the end of a turn over a WebSocket, from its response.create, at most."""
    turn_total_p95_ms: Milliseconds | None = None
    """The same for 95 % of the turns, at most."""
    turn_total_p99_ms: Milliseconds | None = None
    """The same for 99 % of the turns, at most."""
    image_total_p50_ms: Milliseconds | None = None
    """Median time to a whole image that is answered at once, at most."""
    image_error_rate: Share | None = None
    """Share of such images that fail, at most; images are dear, so a run has few samples of them."""
    task_submission_p50_ms: Milliseconds | None = None
    """Median time until an image task is accepted, at most."""
    task_end_p50_ms: Milliseconds | None = None
    """Median time from the submission of an image task to its success, as reading it shows, at most."""
    task_end_rate: Share | None = None
    """Share of accepted image tasks that end, in whatever final state, within tasks.end_seconds, at least."""
    task_error_rate: Share | None = None
    """Share of submitted image tasks that are refused, fail or do not end, at most."""


class ObjectivesPart(ObjectiveFigures):
    """Figures that the vendor states; those of text speak of all text operations together."""

    operations: dict[str, ObjectiveFigures] = {}
    """Operation -> figures of it alone, such as createMessage, or connectResponses for the WebSocket."""

    def objectives(self) -> tuple[Objective, ...]:
        """The same, as the suite uses it."""
        tables = {name: figures.model_dump() for name, figures in self.operations.items()}
        return objectives_of({"": self.model_dump(exclude={"operations"}), **tables})


class UpstreamPart(Part):
    """Our scripted provider behind the gateway (llmapi-conformance reference --upstream-only)."""

    control_url: Url
    """Where it is controlled, as it says when it starts."""


class SetupPart(Part):
    """What prepares the target."""

    command: list[str]
    """A command and its arguments, run in the folder of the target file before ``run`` and ``gate`` read the keys: it
    may make them and write them into key files."""


class TargetPart(Part):
    """A target file."""

    name: str
    """What reports call the gateway."""
    base_url: Url
    """Scheme, host, port and an optional path prefix."""
    claims: list[str] = [basis.value for basis in Basis]
    """Which clauses the gateway promised to keep, by their basis; one that is not LLMAPI: protocol, standard."""
    offers: list[str] = list(SURFACES)
    """Surfaces that it offers; all when omitted."""
    not_offered: dict[str, str] = {}
    """Surface, operation, clause, or platform and operation -> the reason why it is not offered."""
    overrides: dict[str, str] = {}
    """Clause -> its level at this target; only for clauses of basis assumed."""
    headers: dict[str, str | Secret] = {}
    """Further request headers."""
    ca_file: str = ""
    """Certificates to trust, instead of the system's; a relative path counts from the target file."""
    version: str = ""
    """Version of the gateway, for reports and waivers."""
    region: str = ""
    """Where this one of several stands; matrix and history tell targets of one name apart by it."""
    waivers: str = ""
    """A waivers file; a relative path counts from the target file."""
    roles: dict[str, RolePart]
    """Role -> its key; one is enough."""
    timeouts: TimeoutsPart = TimeoutsPart()
    """Deadlines."""
    limits: LimitsPart = LimitsPart()
    """What the gateway bears."""
    tasks: TasksPart = TasksPart()
    """What it states about image tasks."""
    upstream: UpstreamPart | None = None
    """Our scripted provider, when it is behind the gateway."""
    setup: SetupPart | None = None
    """What prepares the target."""
    prices: dict[str, PricePart] = {}
    """Model -> what it costs."""
    objectives: ObjectivesPart = ObjectivesPart()
    """Figures that the vendor states."""
    spending: SpendingPart = SpendingPart()
    """What one run may spend at most."""


def known_keys(where: tuple[str, ...]) -> list[str]:
    """The entries that a table may have; those of the nearest table that is known where a path leads nowhere."""
    model: type[BaseModel] = TargetPart
    for name in where:
        field = model.model_fields.get(name)
        inner = _model_in(field.annotation) if field else None
        model = inner or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a table: itself, one that may be left out, or that of each entry of a table of tables."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next((model for model in found if model is not None), None)
