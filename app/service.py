"""Flask as this service uses it: its routes, hooks and contexts, without what each request would pay for in vain."""

from collections.abc import Callable
from io import BytesIO
from typing import IO, Any

from flask import Flask, Request, Response
from flask.ctx import AppContext, RequestContext
from flask.globals import _cv_app, _cv_request
from flask.typing import ResponseReturnValue
from werkzeug.routing import MapAdapter
from werkzeug.utils import cached_property

from app.api.answers import Answer
from app.api.blueprint import ACCEPT_PATCH
from app.api.current import as_sent
from app.api.routing import Routes

FOR_FEW_REQUESTS = ("headers", "query_string", "remote_addr", "root_path", "scheme", "server")


class ServiceRequest(Request):
    """A request whose body came whole, as gunicorn's worker hands it on."""

    # Where werkzeug looks for the body, and keeps it when it was read.
    _cached_data: bytes = None  # type: ignore[assignment]

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.shallow = False
        self.method = environ["REQUEST_METHOD"].upper()
        self.path = "/" + as_sent(environ["PATH_INFO"]).lstrip("/")
        environ["werkzeug.request"] = self

    def __getattr__(self, name: str) -> Any:
        """What werkzeug takes out of the environment for every request, when somebody asks for any of it."""
        if name not in FOR_FEW_REQUESTS:
            raise AttributeError(f"a request has no {name}")
        super().__init__(self.environ, populate_request=False)
        return self.__dict__[name]

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body. When its length is told and allowed, nothing has to be counted while it is read."""
        length = self.environ.get("CONTENT_LENGTH", "")
        if length.isdigit() and int(length) <= (self.max_content_length or 0):
            return BytesIO(self.environ["wsgi.input"].read(int(length)))
        return super().stream


class ServiceContext(RequestContext):
    """Flask's context of a request, without sessions and signals."""

    def __init__(self, app: Flask, environ: dict[str, Any]) -> None:
        # Not RequestContext's own, which prepares for sessions and for the search of a route.
        self.app = app
        self.request = app.request_class(environ)
        # Otherwise it would be looked up by way of the context.
        self.request.max_content_length = app.config["MAX_CONTENT_LENGTH"]

    @cached_property
    def url_adapter(self) -> MapAdapter | None:
        """The router for this request, when its route has to be searched for."""
        return self.app.create_url_adapter(self.request)

    def match_request(self) -> None:
        """Find the request's route, or what is wrong with its path."""
        request = self.request
        found = self.app.url_map.look_up(request.path, request.method)  # type: ignore[attr-defined]
        if found is None:
            super().match_request()
        else:
            request.url_rule, request.view_args = found

    def push(self) -> None:
        """Make it this thread's, with one of the app unless there is one, and find the request's route."""
        around = _cv_app.get(None)
        app_token = None if around and around.app is self.app else _cv_app.set(AppContext(self.app))
        self._tokens = _cv_request.set(self), app_token
        self.match_request()

    def pop(self, exc: BaseException | None = None) -> None:
        """Run what is to be done at a request's end, and give the thread back what it had before."""
        request_token, app_token = self._tokens
        try:
            self.app.do_teardown_request(exc)
        finally:
            _cv_request.reset(request_token)
            # It leads back here: the garbage collector would have to find the circle.
            self.request.environ["werkzeug.request"] = None
            if app_token is not None:
                _cv_app.reset(app_token)


class Service(Flask):
    """Flask for views that give an Answer, and hooks that are the app's own: those of a blueprint are not run."""

    request_class = ServiceRequest
    url_map_class = Routes

    def request_context(self, environ: dict[str, Any]) -> RequestContext:
        """The context of this request."""
        return ServiceContext(self, environ)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The router for a request's path. Hosts do not matter, so that their names need no decoding."""
        if request is None:
            return None
        return MapAdapter(self.url_map, "", "/", "", "http", request.path, request.method)

    def full_dispatch_request(self) -> Response:
        """The response of the view, or of what handles its error."""
        try:
            result = self.preprocess_request()
            if result is None:
                result = self.dispatch_request()
        except Exception as error:
            result = self.handle_user_exception(error)
        return self.process_response(self.make_response(result))

    def preprocess_request(self) -> ResponseReturnValue | None:
        """What the first hook that answers in the view's place gives."""
        for hook in self.before_request_funcs.get(None, ()):
            result = hook()
            if result is not None:
                return result  # type: ignore[return-value]
        return None

    def dispatch_request(self) -> ResponseReturnValue:
        """What the view of the request's route gives."""
        request = _cv_request.get().request
        if request.routing_exception is not None:
            self.raise_routing_exception(request)
        rule: Any = request.url_rule
        if request.method == "OPTIONS" and rule.provide_automatic_options:
            return self.make_default_options_response()
        return self.view_functions[rule.endpoint](**request.view_args or {})  # type: ignore[return-value]

    def make_response(self, rv: Any) -> Response:
        """What a view gives as a response: an Answer is sent as it is."""
        return rv if isinstance(rv, Answer) else super().make_response(rv)  # type: ignore[return-value]

    def process_response(self, response: Response) -> Response:
        """The response after all hooks have seen it."""
        for hook in reversed(self.after_request_funcs.get(None, ())):
            response = hook(response)
        return response

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Run the hooks for the end of a request."""
        for hook in reversed(self.teardown_request_funcs.get(None, ())):
            hook(exc)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: no view is a coroutine."""
        return func

    def make_default_options_response(self) -> Response:
        """The answer to OPTIONS: the methods of the path, and what its PATCH takes (RFC 5789, section 3.1)."""
        response = super().make_default_options_response()
        if "PATCH" in response.allow:
            response.headers["Accept-Patch"] = ACCEPT_PATCH
        return response
