"""Says who acts while a page of the admin is answered. Stands behind the middleware that knows the user."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from audit.actors import acting, address, of_user


class ActingUser:
    """The user is looked up only if something is changed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with acting(lambda: of_user(request.user, address(request.META))):
            return self.get_response(request)
